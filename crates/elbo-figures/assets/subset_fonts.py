"""Reduces the variable font Inter to the two small static fonts of the figures (see README.md)."""

import sys
import tempfile

import uharfbuzz
from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0
from fontTools.varLib.instancer import instantiateVariableFont

CHARACTERS = [
    *range(0x20, 0x7F),  # ASCII
    *range(0xA0, 0x180),  # Latin-1, Latin Extended-A
    *range(0x391, 0x3A2),  # Greek
    *range(0x3A3, 0x3CA),
    *map(ord, "–—‘’“”•…′←↑→↓−≈≠≤≥∞₀₁₂"),
]
ASCII = [chr(c) for c in range(0x20, 0x7F)]
# Pairs closer than this are left as they are, in units of 1/2048 em.
LEAST_KERNING = 12


def kerning(font_file, glyph_of):
    """Kerning of all pairs of ASCII characters, by pair of glyph names."""
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(font_file)))

    def advance(text):
        buffer = uharfbuzz.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer, {"liga": False, "calt": False, "ccmp": False})
        return sum(position.x_advance for position in buffer.glyph_positions)

    single = {c: advance(c) for c in ASCII}
    pairs = {(a, b): advance(a + b) - single[a] - single[b] for a in ASCII for b in ASCII}
    return {
        (glyph_of[ord(a)], glyph_of[ord(b)]): k
        for (a, b), k in pairs.items()
        if abs(k) >= LEAST_KERNING
    }


for name, weight, optical_size in (("Regular", 400, 14), ("SemiBold", 600, 20)):
    font = instantiateVariableFont(TTFont(sys.argv[1]), {"wght": weight, "opsz": optical_size})
    with tempfile.NamedTemporaryFile(suffix=".ttf") as full:
        font.save(full.name)
        pairs = kerning(full.name, font.getBestCmap())

    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.notdef_outline = True
    options.glyph_names = True  # until the kerning is in
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14]
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "STAT"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)

    table = KernTable_format_0(apple=False)
    table.version, table.coverage, table.tupleIndex = 0, 1, None
    table.kernTable = pairs
    font["kern"] = newTable("kern")
    font["kern"].version, font["kern"].kernTables = 0, [table]
    font["post"].formatType = 3.0
    font.save(f"Inter-{name}.ttf")
