"""What a low-bit unit does for one product with a weight: additions, look-ups and bit planes, counted by hand.

A dot product of ``k`` weights is one row of a unit: its products are summed in a tree of narrow adders, and the sum
goes to a wide accumulator once. Counts are per MAC, for k weights: divided by k.
"""

from __future__ import annotations


def tree_additions(width: int) -> tuple[float, float]:
    """Narrow and wide additions per MAC of a ``width``-wide dot product: (k-1)/k in its tree, 1/k in the accumulator.

    A ternary weight adds its input, subtracts it or leaves it out: no product is formed. Yin, C. et al.: TerEffic:
    Highly Efficient Ternary LLM Inference on FPGA, 2025, arXiv:2502.16473, section III (TMat core).

    >>> tree_additions(4)  # three additions for four weights, and one into the accumulator
    (0.75, 0.25)
    """
    return (width - 1) / width, 1 / width


def table_entries(levels: int, group: int) -> int:
    """Entries of a table of all sums of ``group`` inputs under weights of ``levels`` values, up to sign.

    Of the sums one half are the negatives of the others, and 0 needs no entry: (3^g - 1) / 2 of ternary weights,
    2^g / 2 of binary ones. Wei, J. et al.: T-MAC: CPU Renaissance via Table Lookup for Low-Bit LLM
    Deployment on Edge, 2024, arXiv:2407.00088, section 3.2; ternary: Wang, J. et al.: Bitnet.cpp, 2025,
    arXiv:2502.11880, section 3.1.

    >>> table_entries(3, 2), table_entries(2, 4)  # a, b, a + b, a - b; 16 sums, half of them
    (4, 8)
    """
    return int(levels**group // 2)


def table_actions(levels: int, group: int, outputs: int) -> tuple[float, float, float]:
    """Accesses of a table, additions that build it, and additions of what it holds, per MAC.

    ``group`` weights read one entry, which is added. Building writes each entry once and takes one addition for each
    but the inputs themselves; ``outputs`` rows of weights share the table. Mo, Z. et al.: LUT Tensor Core, ISCA 2025,
    arXiv:2408.06003, section 3 (tables of precomputed sums, shared by N outputs).

    >>> table_actions(3, 2, 1)  # 2 weights: 1 read and 4 writes, 2 additions to build, 1 to add
    (2.5, 1.0, 0.5)
    >>> [round(each, 4) for each in table_actions(3, 4, 128)]
    [0.3281, 0.0703, 0.25]
    """
    entries = table_entries(levels, group)
    shared = group * outputs
    return 1 / group + entries / shared, (entries - group) / shared, 1 / group


def plane_additions(planes: int, width: int) -> tuple[float, float]:
    """Narrow and wide additions per MAC of a bit-serial unit: a tree for each bit plane of the weights.

    Each plane adds the inputs whose weight has the bit, and the sum is shifted into the accumulator: one plane of
    binary weights, two of ternary ones (+1 and -1), N of N-bit ones. Lee, J. et al.: UNPU: An Energy-Efficient Deep
    Neural Network Accelerator With Fully Variable Weight Bit Precision, IEEE JSSC 54(1), 2019,
    doi:10.1109/JSSC.2018.2865489; Judd, P. et al.: Stripes, MICRO 2016.

    >>> plane_additions(2, 4)
    (1.5, 0.5)
    """
    narrow, wide = tree_additions(width)
    return planes * narrow, planes * wide


def counted_bits(planes: int, width: int) -> tuple[float, float]:
    """Full adders of a population count, and wide additions, per MAC of a unit of XNOR gates.

    A count of k bits takes about k full adders, one a bit, and goes to the accumulator once, for each pair of bit
    planes of inputs and weights. Rastegari, M. et al.: XNOR-Net, ECCV 2016, arXiv:1603.05279, eq. 8 to 11; planes of
    wider inputs: Zhou, S. et al.: DoReFa-Net, 2016, arXiv:1606.06160, eq. 1 to 3.

    >>> counted_bits(8, 256)  # binary weights, 8-bit inputs
    (8.0, 0.03125)
    """
    return float(planes), planes / width
