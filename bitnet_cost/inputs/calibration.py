"""Constants solved from rows that were set aside: how far a device and a runtime are from their files' figures."""

from collections.abc import Callable
from math import exp, log
from typing import Literal

from pydantic import Field

from bitnet_cost.inputs.cited import Figure, Input
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.runtime import WIDER, Kernel, KernelClass, RuntimeProfile
from bitnet_cost.numerals import digits

EVERY_DEVICE = "*"  # and a class: its devices without rows of their own
Trait = Literal["any", "hbm", "per_watt"]  # what is known of a device without rows, see `traits`
PRODUCTS: tuple[KernelClass, ...] = ("linear", "dequantised", "lowbit", "w8a8", "experts", "experts-w8a8")


def scaled(figure: Figure, factor: float, most: float = float("inf")) -> Figure:
    """A figure times a factor, its range with it, at most ``most``."""
    if factor == 1:
        return figure
    low, value, high = (min(x * factor, most) for x in (figure.low, figure.value, figure.high))
    note = f"{figure.note}; x {digits(factor, 3)} from measured rows".removeprefix("; ")
    update = {"low": low, "value": value, "high": high, "note": note}
    return figure.model_copy(update=update | ({"basis": "scaled"} if figure.basis == "measured" else {}))


def traits(profile: Hardware) -> dict[Trait, float]:
    """What decides how much of a device software reaches, each some -1 to 1 among GPUs.

    ``any`` is 1. ``hbm`` is 1 for stacked memory and -1 for other: kernels tuned for one leave more of the other's
    bandwidth. ``per_watt`` is the logarithm of the peak rate in 16 bits for each watt of the limit, against 1.6 TFLOP/s
    in units of a factor of 2 and at most one up or down, as devices with rows are: one that has many units for its
    watts lowers its clock before it reaches the peak.
    """
    memory = 1.0 if list(profile.hierarchy)[-1].startswith("hbm") else -1.0
    rate, power = profile.rates.get("fp16") or profile.rates.get("bf16"), profile.power
    per_watt = 0.0
    if rate is not None and power is not None and power.cap is not None:
        per_watt = min(1.0, max(-1.0, log(rate.value / power.cap.value / 1.6e12) / log(2)))
    return {"any": 1.0, "hbm": memory, "per_watt": per_watt}


class KernelFactors(Input):
    """Factors on the figures of one class of kernels, beyond those of its runtime."""

    overhead: float = Field(1.0, gt=0, description="on the time of a launch")
    per_input: float = Field(1.0, gt=0, description="on the time per entry of the inner dimension")
    bandwidth: float = Field(1.0, gt=0, description="on the share of the bandwidth")
    compute: float = Field(1.0, gt=0, description="on the share of the peak rate")

    def of(self, kernel: Kernel) -> Kernel:
        """The kernel with these factors."""
        most = {"bandwidth": 0.98, "compute": 0.98}
        update = {
            name: scaled(figure, factor, most.get(name, float("inf")))
            for name, factor in self.model_dump().items()
            if (figure := getattr(kernel, name)) is not None
        }
        return kernel.model_copy(update=update)


class RuntimeConstants(Input):
    """Factors on the figures of a runtime on one device, and times that a pass takes beyond its kernels."""

    hardware: str = Field(min_length=1, description="catalogue name, or *CLASS for its devices without rows")
    runtime: str = Field(min_length=1, description="name of the runtime")
    bandwidth: float = Field(1.0, gt=0, description="on the share of the bandwidth that products reach")
    compute: float = Field(1.0, gt=0, description="on the share of the peak rate that products reach")
    dequantised: float = Field(1.0, gt=0, description="on the bandwidth of products whose weights are widened")
    dequantised_compute: float = Field(1.0, gt=0, description="on the rate of products whose weights are widened")
    w8a8: float = Field(1.0, gt=0, description="on the bandwidth of products of 8-bit weights and activations")
    w8a8_compute: float = Field(1.0, gt=0, description="on the rate of products of 8-bit weights and activations")
    experts: float = Field(1.0, gt=0, description="on the bandwidth of routed experts")
    experts_compute: float = Field(1.0, gt=0, description="on the rate of routed experts")
    experts_overhead: float = Field(1.0, gt=0, description="on the time of a launch for routed experts")
    experts_sequence: float = Field(1.0, gt=0, description="on the time that experts take for a decoding sequence")
    experts_w8a8: float = Field(1.0, gt=0, description="on the time of a launch for experts of 8 bits, beyond others")
    attention: float = Field(1.0, gt=0, description="on the bandwidth of attention")
    attention_compute: float = Field(1.0, gt=0, description="on the rate of attention")
    attention_kv8: float = Field(
        1.0, gt=0, description="on the bandwidth of attention over a cache of 8 bits, beyond others"
    )
    cache_repeats: float = Field(1.0, gt=0, description="on the share of a group's heads that read the cache again")
    scan: float = Field(1.0, gt=0, description="on the bandwidth of recurrences")
    overhead: float = Field(1.0, gt=0, description="on the time of every launch")
    products: float = Field(1.0, gt=0, description="on the time of a launch of products, beyond others")
    packing: float = Field(1.0, gt=0, description="on the time of laying out the weights of a product")
    per_pass: float = Field(1.0, gt=0, description="on the host time of a pass")
    per_sequence: float = Field(1.0, gt=0, description="on the host time of a sequence in a pass")
    link: float = Field(1.0, gt=0, description="on the bandwidth of the interconnect")
    link_latency: float = Field(1.0, gt=0, description="on the latency of an exchange")
    active: float = Field(1.0, gt=0, description="on the power of the device's kernels that wait")
    kernels: dict[KernelClass, KernelFactors] = Field(
        default_factory=dict, description="of single products, by class of kernels"
    )
    trends: dict[Trait, dict[str, float]] = Field(
        default_factory=dict,
        description="of every device of a class: by trait, how the logarithms of factors of those with rows follow it",
    )
    rows: list[str] = Field(default_factory=list, description="ids of the measured rows it was solved from")

    def on(self, profile: Hardware) -> "RuntimeConstants":
        """What a device without rows takes from its relatives: these factors, moved along the trends.

        >>> every = RuntimeConstants(hardware="*gpu", runtime="vllm", compute=0.5, trends={"any": {"compute": log(2)}})
        >>> every.on(Hardware.model_construct(name="new", hierarchy={"hbm": None}, rates={}, power=None)).compute
        1.0
        """
        known, moved = traits(profile), dict[str, float]()
        for trait, slopes in self.trends.items():
            for name, slope in slopes.items():
                moved[name] = moved.get(name, 0.0) + slope * known[trait]
        return self.model_copy(update={name: getattr(self, name) * exp(move) for name, move in moved.items()})

    def runtime_of(self, profile: RuntimeProfile) -> RuntimeProfile:
        """The runtime with these constants."""
        kernels: dict[KernelClass, Kernel] = {}
        for name in dict.fromkeys([*profile.kernels, *PRODUCTS]):
            kernel = profile.kernel(name)
            update: dict[str, Figure] = {}
            if kernel.overhead is not None and not kernel.each_expert:  # the time of an empty launch is the device's
                slower = self.overhead * (self.experts_overhead if name.startswith("experts") else 1.0)
                slower *= self.experts_w8a8 if name in ("experts-w8a8", "experts-blocks") else 1.0
                slower *= self.products if name != "attention" and {name, WIDER.get(name)} & {*PRODUCTS} else 1.0
                update["overhead"] = scaled(kernel.overhead, slower)
            if kernel.packing is not None:
                update["packing"] = scaled(kernel.packing, self.packing)
            if kernel.per_sequence is not None:
                update["per_sequence"] = scaled(kernel.per_sequence, self.experts_sequence)
            if kernel.large_compute is not None:
                update["large_compute"] = scaled(kernel.large_compute, self.experts_compute, 0.95)
            if name in (*PRODUCTS, "scan") or WIDER.get(name) in (*PRODUCTS, "attention"):
                wide, rate = self._of(name)
                if kernel.bandwidth is not None:
                    update["bandwidth"] = scaled(kernel.bandwidth, wide, 0.95)
                if kernel.large_bandwidth is not None:
                    update["large_bandwidth"] = scaled(kernel.large_bandwidth, wide, 0.95)
                if kernel.compute is not None:
                    update["compute"] = scaled(kernel.compute, rate, max(0.95, kernel.compute.value))
            if kernel.cache_repeats is not None:
                update["cache_repeats"] = scaled(kernel.cache_repeats, self.cache_repeats, 1.0)
            own = self.kernels.get(name)
            kernels[name] = kernel.model_copy(update=update)
            kernels[name] = own.of(kernels[name]) if own is not None else kernels[name]
        changed = {
            name: scaled(figure, getattr(self, name))
            for name in ("per_pass", "per_sequence")
            if (figure := getattr(profile, name)) is not None
        }
        return profile.model_copy(update={"kernels": kernels, **changed})

    def _of(self, name: KernelClass) -> tuple[float, float]:
        """Factors on the bandwidth and on the rate of a class of kernels: its own, else those of the wider class."""
        own = {
            "attention": (self.attention, self.attention_compute),
            "attention-kv8": (self.attention * self.attention_kv8, self.attention_compute),
            "scan": (self.scan, 1.0),
            "dequantised": (self.bandwidth * self.dequantised, self.compute * self.dequantised_compute),
            "w8a8": (self.bandwidth * self.w8a8, self.compute * self.w8a8_compute),
            **dict.fromkeys(("experts", "experts-w8a8"), (self.experts, self.experts_compute)),
        }
        while name not in own and name in WIDER:
            name = WIDER[name]
        return own.get(name, (self.bandwidth, self.compute))

    def hardware_of(self, profile: Hardware) -> Hardware:
        """The device as the runtime reaches its interconnect and keeps its kernels waiting."""
        changed: dict[str, Input] = {}
        link, power = profile.interconnect, profile.power
        if link is not None:
            update: dict[str, Figure] = {"bandwidth": scaled(link.bandwidth, self.link)}
            if link.latency is not None:
                update["latency"] = scaled(link.latency, self.link_latency)
            changed["interconnect"] = link.model_copy(update=update)
        if power is not None and power.active is not None:
            changed["power"] = power.model_copy(update={"active": scaled(power.active, self.active)})
        return profile.model_copy(update=changed)


def with_prices(profile: Hardware, static: float, memory: float, mac: Callable[[str], float]) -> Hardware:
    """A device with factors on its power floor, on the memory that holds the model, and by action on its MACs."""
    main = list(profile.hierarchy)[-1]
    level, power = profile.hierarchy[main], profile.power
    prices = {way: scaled(price, memory) for way in ("read", "write") if (price := getattr(level, way))}
    actions = {a: scaled(f, mac(a)) if a.startswith("mac.") else f for a, f in profile.actions.items()}
    if power is not None:
        floors = {"static": scaled(power.static, static)}
        if power.between is not None:
            floors["between"] = scaled(power.between, static)
        power = power.model_copy(update=floors)
    hierarchy = profile.hierarchy | {main: level.model_copy(update=prices)}
    return profile.model_copy(update={"actions": actions, "hierarchy": hierarchy, "power": power})


class DeviceConstants(Input):
    """Factors on the prices of a device."""

    hardware: str = Field(min_length=1, description="catalogue name")
    static: float = Field(1.0, gt=0, description="on the power floor")
    memory: float = Field(1.0, gt=0, description="on the price of the memory that holds the model")
    mac: float = Field(1.0, gt=0, description="on the price of every MAC")
    mac_fp8: float = Field(1.0, gt=0, description="on the price of a MAC in FP8, beyond the others")
    mac_int8: float = Field(1.0, gt=0, description="on the price of a MAC in INT8, beyond the others")
    rows: list[str] = Field(default_factory=list, description="ids of the measured rows they were solved from")

    def hardware_of(self, profile: Hardware) -> Hardware:
        """The device with these constants."""
        apart = {"mac.fp8": self.mac * self.mac_fp8, "mac.int8": self.mac * self.mac_int8}
        return with_prices(profile, self.static, self.memory, lambda action: apart.get(action, self.mac))


class CounterConstants(Input):
    """What the memory counter of a source holds beyond what the model counts."""

    source: str = Field(min_length=1, description="a key of measured/sources.yaml")
    cache: float = Field(1.0, gt=0, description="on the cache: blocks that an allocator keeps while a cache grows")
    context_gb: float = Field(0.0, ge=0, description="code, handles and buffers of the framework")
    rows: list[str] = Field(default_factory=list, description="ids of the measured rows they were solved from")


class Constants(Input):
    """Every constant that measured rows were used for."""

    note: str = Field(min_length=2, description="how they come about")
    prompts: dict[str, int] = Field(
        default_factory=dict, description="mean prompt tokens of tasks whose rows give none"
    )
    runtimes: list[RuntimeConstants] = Field(default_factory=list, description="by device and runtime")
    devices: list[DeviceConstants] = Field(default_factory=list, description="by device")
    counters: list[CounterConstants] = Field(default_factory=list, description="by source with memory rows")

    @property
    def rows(self) -> frozenset[str]:
        """Ids of all rows that were used."""
        parts: list[RuntimeConstants | DeviceConstants | CounterConstants]
        parts = [*self.runtimes, *self.devices, *self.counters]
        return frozenset(row for part in parts for row in part.rows)

    def of(self, hardware: Hardware, runtime: RuntimeProfile) -> RuntimeConstants | None:
        """The constants of a device and runtime, else what it takes from the other devices of its class."""
        found = {part.hardware: part for part in self.runtimes if part.runtime == runtime.runtime}
        every = found.get(f"{EVERY_DEVICE}{runtime.device_class}")
        return found.get(hardware.name) or (None if every is None else every.on(hardware))

    def every(self, runtime: str, device_class: str) -> RuntimeConstants | None:
        """The constants of every device of a class without rows of its own."""
        name = f"{EVERY_DEVICE}{device_class}"
        return next((part for part in self.runtimes if (part.hardware, part.runtime) == (name, runtime)), None)

    def counter(self, source: str) -> CounterConstants:
        """What the memory counter of a source holds beyond the model."""
        found = (part for part in self.counters if part.source == source)
        return next(found, CounterConstants(source=source))

    def of_device(self, hardware: str) -> DeviceConstants | None:
        """The constants of a device."""
        return next((part for part in self.devices if part.hardware == hardware), None)
