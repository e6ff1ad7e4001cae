"""Multimodal files: under which name they hold a language model, and of which family it is where they do not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT = ("text_config", "language_config", "llm_config")

# fmt: off
WRAPPERS: dict[str, str] = {
    "aria": "aria_text", "audioflamingo3": "qwen2", "aya_vision": "cohere2", "blip-2": "opt",
    "cohere2_vision": "cohere2",
    "deepseek_vl": "llama", "deepseek_vl_hybrid": "llama", "deepseek_vl_v2": "deepseek_v2", "exaone4_5": "exaone4",
    "fast_vlm": "qwen2", "fuyu": "persimmon", "gemma3": "gemma3_text", "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text", "glm46v": "glm4v_text", "glm4v": "glm4v_text", "glm4v_moe": "glm4v_moe_text",
    "glm_ocr": "glm_ocr_text", "glmasr": "llama", "got_ocr2": "qwen2", "granite_speech": "granite",
    "granite_speech_plus": "granite", "hyperclovax_vision_v2": "hyperclovax", "idefics2": "mistral",
    "idefics3": "llama", "instructblip": "opt", "internvl": "qwen2", "internvl_chat": "llama", "janus": "llama",
    "kimi_k25": "kimi_k2", "kimi_vl": "deepseek_v3", "lfm2_vl": "lfm2", "lighton_ocr": "qwen3",
    "llama4": "llama4_text", "llava": "llama", "llava_next": "llama", "llava_next_video": "llama",
    "llava_onevision": "qwen2", "llava_qwen2": "qwen2", "mistral3": "mistral", "mllama": "mllama_text_model",
    "musicflamingo": "qwen2",
    "nemo_speechlm": "nemotron_h", "nemotron_h_omni": "nemotron_h", "ovis2": "qwen2", "paddleocr_vl": "ernie4_5",
    "paligemma": "gemma", "perception_lm": "llama", "qianfan_ocr": "qwen3", "qwen2_5_omni": "qwen2_5_omni_text",
    "qwen2_5_omni_thinker": "qwen2_5_omni_text", "qwen2_5_vl": "qwen2_5_vl_text", "qwen2_audio": "qwen2",
    "qwen2_vl": "qwen2_vl_text", "qwen3_5": "qwen3_5_text", "qwen3_5_moe": "qwen3_5_moe_text", "qwen3_asr": "qwen3",
    "qwen3_omni_moe": "qwen3_omni_moe_text", "qwen3_omni_moe_thinker": "qwen3_omni_moe_text",
    "qwen3_vl": "qwen3_vl_text", "qwen3_vl_moe": "qwen3_vl_moe_text", "shieldgemma2": "gemma3_text",
    "smolvlm": "llama", "vibevoice": "qwen2", "vibevoice_asr": "qwen2", "video_llama_3": "qwen2",
    "video_llava": "llama", "vipllava": "llama", "voxtral": "llama",
}
# fmt: on
"""Multimodal classes and the family of their language model, where the file itself does not name it."""

FLAT = frozenset(("paddleocr_vl", "qwen2_5_vl", "qwen2_vl"))
"""Those whose older files have the language model's fields at the top."""


def language_model(config: Mapping[str, Any]) -> Any:
    """The object that holds the language model of a multimodal file; None where there is none.

    >>> language_model({"model_type": "llava", "text_config": {"model_type": "llama"}})
    {'model_type': 'llama'}
    """
    thinker = config.get("thinker_config")  # what hears and sees, of those that also speak
    holder = thinker if isinstance(thinker, dict) else config
    found = next((holder[name] for name in TEXT if holder.get(name) is not None), None)
    return config if found is None and config.get("model_type") in FLAT else found


def towers(config: Mapping[str, Any]) -> str:
    """What a multimodal file holds beside its language model, in words.

    >>> towers({"vision_config": {"depth": 27}, "audio_config": {"depth": 12}}), towers({"audio_config": None})
    ('a vision tower and an audio tower', 'what it sees or hears with')
    """
    named = (("vision_config", "a vision tower"), ("audio_config", "an audio tower"))
    return " and ".join(words for name, words in named if config.get(name)) or "what it sees or hears with"
