"""Other words for entries of the catalogue, as data.

A word with one meaning is understood, one with several is answered by naming them, likeliest first. Spelling by itself
(capitals, spaces, hyphens) needs no entry here: `spelling` sees to it.
"""

# Parts of a name that say whose product it is or how it is configured, not which product; the first are the likeliest.
OPTIONAL = {
    "hardware": (
        "sxm", "pcie", "nvl", "gpu", "nvidia", "geforce", "rtx", "amd", "instinct", "radeon", "apple", "intel", "core",
        "google", "tpu", "qualcomm", "jetson", "raspberry", "cmos", "16gb", "40gb", "80gb", "94gb", "96gb", "141gb",
        "7c", "14c", "18c", "32c", "40c", "76c",
    ),
    "model": ("instruct", "chat", "it", "hf", "gguf", "meta", "v0.1", "uncased"),
}  # fmt: skip

# Of several that a word may mean, these come first.
LIKELIEST = (
    "llama-3.1-8b", "llama-3.1-70b", "llama-2-7b", "gpt3-175b", "bitnet-b1.58-2b4t", "mistral-7b", "gemma-2-9b",
    "qwen2.5-7b", "phi-3-mini-4k", "deepseek-v3", "h100-sxm-80gb", "a100-sxm-80gb", "rtx-4090", "cmos-7nm", "cmos-45nm",
)  # fmt: skip

# By kind, and by the word without capitals and separators; bits are written without "bit".
MEANINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "model": {"commandr+": ("command-r-plus",), "bertbaseuncased": ("bert-base",), "bertlargeuncased": ("bert-large",),
         "bitnet": ("bitnet-b1.58-2b4t", "bitnet-b1.58-3b")},
    "hardware": {
        "rpi5": ("raspberry-pi-5",), "cpu": ("intel-i7-13700h", "amd-epyc-7v13", "raspberry-pi-5"),
        "gpu": ("h100-sxm-80gb", "a100-sxm-80gb", "rtx-4090"), "phone": ("apple-a17-pro", "snapdragon-8-gen-3"),
        "macbook": ("apple-m1-pro-gpu-14c", "apple-m3-max-gpu-40c"),
        "mac": ("apple-m1-pro-gpu-14c", "apple-m3-max-gpu-40c"), "mcu": ("stm32h7", "esp32-s3"),
    },
    "runtime": {"trtllm": ("tensorrt-llm",), "llamacpp": ("llama.cpp",), "ggml": ("llama.cpp",),
        "ollama": ("llama.cpp-2025", "llama.cpp")},
    "precision": {
        "32": ("fp32",), "16": ("fp16", "bf16"), "8": ("int8", "fp8", "q8_0"), "4": ("int4", "q4_k_m", "mxfp4"),
        "2": ("q2_k", "w2a8"), "1.58": ("bitnet-b1.58",), "1": ("bitnet-b1.58", "bitnet"),
        "float32": ("fp32",), "single": ("fp32",), "f32": ("fp32",), "half": ("fp16",), "float16": ("fp16",),
        "f16": ("fp16",), "bfloat16": ("bf16",), "brainfloat16": ("bf16",), "float8": ("fp8",), "e4m3": ("fp8",),
        "i8": ("int8",), "i4": ("int4",), "q8": ("q8_0",), "q4": ("q4_k_m", "q4_0"), "q2": ("q2_k",),
        "f4": ("fp4", "nf4", "mxfp4", "nvfp4"), "q3": ("q3_k_m",), "q5": ("q5_k_m", "q5_0"), "q6": ("q6_k",),
        "q3k": ("q3_k_m",), "q4k": ("q4_k_m",), "q5k": ("q5_k_m",), "iq1": ("iq1_s", "iq1_m"),
        "iq2": ("iq2_m", "iq2_s", "iq2_xs", "iq2_xxs"), "iq3": ("iq3_m", "iq3_s", "iq3_xs", "iq3_xxs"),
        "iq4": ("iq4_xs", "iq4_nl"), "tq1": ("tq1_0",), "tq2": ("tq2_0",), "qlora": ("nf4-double",),
        "ternary": ("bitnet-b1.58",), "b1.58": ("bitnet-b1.58",), "binary": ("bitnet", "w1a8"),
        "bitnet1.58": ("bitnet-b1.58",), "gguf": ("q4_k_m", "q8_0"), "64": ("fp32", "fp16"), "fp64": ("fp32", "fp16"),
    },
}  # fmt: skip

# Zones of the electricity grids: ISO 3166 in two letters, then names, between commas.
_COUNTRIES = """
are ae,united arab emirates,emirates,uae|arg ar,argentina|aus au,australia|aut at,austria,oesterreich,österreich
bel be,belgium,belgique,belgie|bgd bd,bangladesh|bgr bg,bulgaria|bra br,brazil,brasil|can ca,canada
che ch,switzerland,schweiz,suisse|chl cl,chile|chn cn,china,prc|col co,colombia|cyp cy,cyprus
cze cz,czechia,czech republic
deu de,germany,deutschland,ger|dnk dk,denmark,danmark|egy eg,egypt|esp es,spain,espana,españa
est ee,estonia|fin fi,finland,suomi|fra fr,france
gbr gb,uk,united kingdom,great britain,britain|grc gr,greece
hkg hk,hong kong|hrv hr,croatia|hun hu,hungary|idn id,indonesia|ind in,india|irl ie,ireland|isl is,iceland|isr il,israel
ita it,italy,italia|jpn jp,japan|kaz kz,kazakhstan|ken ke,kenya|kor kr,south korea,korea|ltu lt,lithuania
lux lu,luxembourg|lva lv,latvia|mar ma,morocco|mex mx,mexico|mlt mt,malta|mys my,malaysia|nga ng,nigeria
nld nl,netherlands,the netherlands,holland,nederland|nor no,norway,norge|nzl nz,new zealand|pak pk,pakistan|per pe,peru
phl ph,philippines|pol pl,poland,polska|prt pt,portugal|qat qa,qatar|rou ro,romania|rus ru,russia
sau sa,saudi arabia|sgp sg,singapore|srb rs,serbia|svk sk,slovakia|svn si,slovenia|swe se,sweden,sverige|tha th,thailand
tur tr,turkey,türkiye,turkiye|twn tw,taiwan|ukr ua,ukraine|ury uy,uruguay
usa us,united states,america,united states of america
vnm vn,vietnam|zaf za,south africa|world global,worldwide,earth
"""
COUNTRIES: dict[str, tuple[str, ...]] = {
    word.replace(" ", ""): (zone,)
    for entry in _COUNTRIES.strip().replace("\n", "|").split("|")
    for zone, _, words in (entry.partition(" "),)
    for word in words.split(",")
}
MEANINGS["grid"] = COUNTRIES
MEANINGS["hardware"] |= dict.fromkeys(
    (f"{nm}nm" for nm in (3, 4, 5, 10, 14, 16, 22, 28, 65)), ("cmos-7nm", "cmos-45nm")
)

# Words that `list` takes beside its kinds, without an s at the end: the kind, and what its entries are filtered by.
LISTED_AS = {
    "gpu": ("hardware", "gpu"), "cpu": ("hardware", "cpu"), "phone": ("hardware", "phone"),
    "mcu": ("hardware", "mcu"), "node": ("hardware", "technology"), "device": ("hardware", ""),
    "chip": ("hardware", ""),
    "llm": ("models", ""), "quantization": ("precisions", ""), "format": ("precisions", ""), "country": ("grids", ""),
    "countrie": ("grids", ""), "zone": ("grids", ""), "study": ("studies", ""),
}  # fmt: skip
