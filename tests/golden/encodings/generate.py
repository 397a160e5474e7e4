"""One picture in many encodings, and what independent readers see in each.

    python -m venv venv && venv/bin/pip install pillow tifffile imagecodecs numpy opencv-python-headless OpenEXR
    venv/bin/python generate.py

Writes files/ and expected.json. Every case names the picture that Pillow, tifffile, OpenCV or OpenEXR see in the file; the
script fails unless at least one of them does, and none of the others sees another one. Cases that pcore refuses by name are
listed with words of the message. Files are rewritten byte for byte by the same versions of the libraries.
"""

import json
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import OpenEXR
import tifffile
from PIL import Image, ImageOps

HERE = Path(__file__).parent
FILES = HERE / "files"
HEIGHT, WIDTH = 9, 12

rng = np.random.default_rng(7)
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
smooth = 0.5 + 0.3 * np.sin(x / 4.0) * np.cos(y / 3.0)

PICTURES = {
    "grey8": rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8),
    "rgb8": rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8),
    "grey16": rng.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16),
    "rgb16": rng.integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16),
    "grey12": rng.integers(0, 4096, (HEIGHT, WIDTH)).astype(np.uint16),
    "grey32": rng.integers(0, 2**32, (HEIGHT, WIDTH)).astype(np.uint32),
    "bits1": rng.integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8),
    "bits2": rng.integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint8),
    "bits4": rng.integers(0, 16, (HEIGHT, WIDTH)).astype(np.uint8),
    "float": (rng.random((HEIGHT, WIDTH)) * 3 - 1).astype(np.float16).astype(np.float32),
    "rgbfloat": (rng.random((HEIGHT, WIDTH, 3)) * 2).astype(np.float16).astype(np.float32),
    "smooth": (smooth * 255).round().astype(np.uint8),
    "smoothrgb": (np.stack([smooth, 1 - smooth, smooth * 0.5 + 0.2], 2) * 255).round().astype(np.uint8),
}
PALETTE = rng.integers(0, 256, (16, 3)).astype(np.uint8)
PALETTE8 = rng.integers(0, 256, (256, 3)).astype(np.uint8)
PICTURES["palette1"] = PALETTE[PICTURES["bits1"]]
PICTURES["palette2"] = PALETTE[PICTURES["bits2"]]
PICTURES["palette4"] = PALETTE[PICTURES["bits4"]]
PICTURES["palette8"] = PALETTE8[PICTURES["grey8"]]
FULL = {"bits1": 1, "bits2": 3, "bits4": 15, "grey16": 65535, "rgb16": 65535, "grey12": 4095, "grey32": 2**32 - 1}
FULL |= {"float": 1, "rgbfloat": 1}

cases = {}
problems = []


def unit(name):
    return PICTURES[name].astype(np.float64) / FULL.get(name, 255)


def readings(path):
    """What each library sees: values from 0 to 1, upright, without alpha."""
    found = {}

    def keep(reader, values, full=None):
        values = np.asarray(values)
        if values.ndim == 3 and values.shape[2] in (2, 4):
            values = values[:, :, :-1]
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[:, :, 0]
        if full is None:
            full = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
        found[reader] = values.astype(np.float64) / full

    try:
        image = Image.open(path)
        image.load()
        image = ImageOps.exif_transpose(image)
        # Pillow has no names for 16-bit colour, and turns some depths to others.
        if image.mode == "1":
            keep("Pillow", np.asarray(image, np.uint8), 1)
        elif image.mode in ("L", "RGB", "F"):
            keep("Pillow", image)
        elif image.mode in ("P", "RGBA", "LA", "PA"):
            keep("Pillow", image.convert("LA" if image.mode == "LA" else "RGBA"))
        elif image.mode.startswith("I;16") or image.mode == "I":
            keep("Pillow", np.asarray(image).astype(np.uint16))
    except Exception:
        pass
    try:
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if values is not None and values.ndim == 3 and values.shape[2] >= 3:
            values = np.concatenate([values[:, :, 2::-1], values[:, :, 3:]], 2)
        if values is not None:
            keep("OpenCV", values)
    except Exception:
        pass
    if path.suffix == ".exr":
        with OpenEXR.File(str(path)) as file:
            keep("OpenEXR", file.channels()["RGB"].pixels.astype(np.float32))
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            pages = [p for p in file.pages if not p.is_reduced and not p.is_mask]
            page = pages[0]
            try:
                values = page.asarray()
                if page.planarconfig == 2 and values.ndim == 3:
                    values = np.moveaxis(values, 0, 2)
                if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
                    values = (page.colormap[:, values] >> 8).astype(np.uint8)
                    values = np.moveaxis(values, 0, 2)
                full = None
                if values.dtype.kind in "ub":
                    full = 2.0**page.bitspersample - 1
                if "MaxSampleValue" in page.tags:
                    full = float(page.tags["MaxSampleValue"].value)
                values = values.astype(np.float64) / (full or (2.0**page.bitspersample - 1 if values.dtype.kind == "u" else 1))
                if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
                    values = 1 - values
                values = upright(values, page.tags["Orientation"].value if "Orientation" in page.tags else 1)
                keep("tifffile", values, 1)
            except Exception:
                pass
    return found


def upright(stored, tag):
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
        8: lambda a: np.rot90(a, 1),
    }[tag](stored)


def stored(shown, tag):
    """The array whose display under this orientation is `shown`."""
    inverse = {6: 8, 8: 6}.get(tag, tag)
    return np.ascontiguousarray(upright(shown, inverse))


def same(a, b, tolerance):
    if a.ndim < b.ndim:
        a = np.repeat(a[:, :, None], 3, 2)
    if b.ndim < a.ndim:
        b = np.repeat(b[:, :, None], 3, 2)
    return a.shape == b.shape and np.abs(a - b).max() <= tolerance


def case(name, picture, tolerance=0.0, disagree=(), readers=True):
    """`disagree`: readers known to see something else (8 bits of 16, no orientation, an unscaled range)."""
    path = FILES / name
    expected = unit(picture)
    agreeing = []
    for reader, values in readings(path).items():
        # Half a step of the coarsest depth that the reader may have reduced to is no other picture.
        if same(values, expected, tolerance + 1e-6):
            agreeing.append(reader)
        elif reader not in disagree:
            problems.append(f"{name}: {reader} sees another picture")
    if readers and not agreeing:
        problems.append(f"{name}: no reader sees {picture}")
    cases[name] = {"picture": picture, "tolerance": tolerance, "readers": agreeing}


def refused(name, words):
    cases[name] = {"refused": words}


def png(name, values, depth, colour, interlaced=False, filter_type=0, chunks=(), picture=None, **kw):
    """A PNG by the specification: any depth, colour type, interlacing and filter."""
    values = values if values.ndim == 3 else values[:, :, None]
    n = values.shape[2]

    def packed(block):
        rows = []
        bpp = max(1, n * depth // 8)
        before = None
        for row in block:
            flat = row.reshape(-1)
            if depth == 16:
                data = flat.astype(">u2").tobytes()
            elif depth == 8:
                data = flat.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(v), f"0{depth}b") for v in flat)
                bits += "0" * (-len(bits) % 8)
                data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
            rows.append(bytes([filter_type]) + filtered(data, before, bpp, filter_type))
            before = data
        return b"".join(rows)

    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        data = b"".join(
            packed(values[top::down, left::right]) for top, left, down, right in passes if values[top::down, left::right].size
        )
    else:
        data = packed(values)
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, colour, 0, 0, int(interlaced))
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    body += b"".join(chunk(kind, content) for kind, content in chunks)
    (FILES / name).write_bytes(body + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))
    if picture:
        case(name, picture, **kw)


def filtered(data, before, bpp, kind):
    before = before or bytes(len(data))
    out = bytearray()
    for i, value in enumerate(data):
        left = data[i - bpp] if i >= bpp else 0
        up = before[i]
        corner = before[i - bpp] if i >= bpp else 0
        if kind == 4:
            p = left + up - corner
            near = sorted([(abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner)])[0][2]
        out.append((value - {0: 0, 1: left, 2: up, 3: (left + up) // 2, 4: near if kind == 4 else 0}[kind]) % 256)
    return bytes(out)


def exif(tag):
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HH", tag, 0) + b"\0\0\0\0"


def with_alpha(values):
    values = values if values.ndim == 3 else values[:, :, None]
    alpha = rng.integers(1, np.iinfo(values.dtype).max, values.shape[:2]).astype(values.dtype)
    return np.concatenate([values, alpha[:, :, None]], 2)


def make_png():
    p = PICTURES
    for interlaced in (False, True):
        mark = "_interlaced" if interlaced else ""
        for depth in (1, 2, 4):
            png(f"grey{depth}{mark}.png", p[f"bits{depth}"], depth, 0, interlaced, picture=f"bits{depth}", tolerance=1e-3)
            plte = (b"PLTE", PALETTE[: 2**depth].tobytes())
            png(f"palette{depth}{mark}.png", p[f"bits{depth}"], depth, 3, interlaced, chunks=[plte], picture=f"palette{depth}")
        plte = (b"PLTE", PALETTE8.tobytes())
        png(f"palette8{mark}.png", p["grey8"], 8, 3, interlaced, chunks=[plte], picture="palette8")
        trns = (b"tRNS", bytes(range(0, 250, 10)))
        png(f"palette8_transparent{mark}.png", p["grey8"], 8, 3, interlaced, chunks=[plte, trns], picture="palette8")
        png(f"grey8{mark}.png", p["grey8"], 8, 0, interlaced, picture="grey8")
        png(f"grey16{mark}.png", p["grey16"], 16, 0, interlaced, picture="grey16")
        png(f"rgb8{mark}.png", p["rgb8"], 8, 2, interlaced, picture="rgb8")
        png(f"rgb16{mark}.png", p["rgb16"], 16, 2, interlaced, picture="rgb16", disagree=["Pillow"])
        png(f"grey8_alpha{mark}.png", with_alpha(p["grey8"]), 8, 4, interlaced, picture="grey8")
        png(f"rgb8_alpha{mark}.png", with_alpha(p["rgb8"]), 8, 6, interlaced, picture="rgb8")
        png(f"rgb16_alpha{mark}.png", with_alpha(p["rgb16"]), 16, 6, interlaced, picture="rgb16", disagree=["Pillow"])
        png(f"grey16_alpha{mark}.png", with_alpha(p["grey16"]), 16, 4, interlaced, picture="grey16", disagree=["Pillow"])
    for kind in range(1, 5):
        png(f"grey8_filter{kind}.png", p["grey8"], 8, 0, filter_type=kind, picture="grey8")
        png(f"rgb16_filter{kind}.png", p["rgb16"], 16, 2, filter_type=kind, picture="rgb16", disagree=["Pillow"])
    for tag in range(1, 9):
        turned = stored(p["rgb8"], tag)
        png(f"orientation{tag}.png", turned, 8, 2, chunks=[(b"eXIf", exif(tag))], picture="rgb8", disagree=["OpenCV"])
    sbit = (b"sBIT", b"\x0c")
    scaled = (p["grey12"].astype(np.uint32) << 4 | p["grey12"] >> 8).astype(np.uint16)
    png("sbit12_scaled.png", scaled, 16, 0, chunks=[sbit], picture="grey12", tolerance=2e-5)
    # The stated significant bits are all there is: the readers give the bare numbers.
    png("sbit12_unscaled.png", p["grey12"], 16, 0, chunks=[sbit], picture="grey12", disagree=["Pillow", "OpenCV"], readers=False)
    frames = [Image.fromarray(p["rgb8"]), Image.fromarray(p["smoothrgb"])]
    frames[0].save(FILES / "animation.png", save_all=True, append_images=frames[1:])
    refused("animation.png", "animation of 2 frames")


def tif(name, values, picture=None, refuse=None, tolerance=0.0, disagree=(), readers=True, **options):
    tifffile.imwrite(FILES / name, values, metadata=None, software="", **options)
    if refuse:
        refused(name, refuse)
    else:
        case(name, picture, tolerance, disagree, readers)


def make_tiff():
    p = PICTURES
    # Pillow and OpenCV read few of these depths and byte orders right; tifffile is the witness.
    others = ("Pillow", "OpenCV")
    depths = {"grey8": p["grey8"], "grey16": p["grey16"], "float": p["float"], "rgb8": p["rgb8"], "rgb16": p["rgb16"]}
    squeezes = [("none", None, False), ("packbits", "packbits", False), ("lzw", "lzw", False), ("lzw_predictor", "lzw", True)]
    squeezes += [("deflate", "zlib", False), ("deflate_predictor", "zlib", True)]
    for kind, values in depths.items():
        photometric = "rgb" if values.ndim == 3 else "minisblack"
        for order, mark in (("<", "le"), (">", "be")):
            for squeeze, compression, predictor in squeezes:
                if squeeze == "packbits" and values.ndim == 3:
                    continue
                tif(
                    f"{kind}_{mark}_{squeeze}.tif", values, kind, byteorder=order, compression=compression,
                    predictor=predictor, photometric=photometric, disagree=others, rowsperstrip=4,
                )
    for kind in ("rgb8", "rgb16"):
        planes = np.moveaxis(p[kind], 2, 0).copy()
        for squeeze, compression, predictor in squeezes[:1] + squeezes[2:]:
            tif(f"{kind}_planar_{squeeze}.tif", planes, kind, photometric="rgb", planarconfig="separate",
                compression=compression, predictor=predictor, rowsperstrip=4, disagree=others)
    for kind in ("grey8", "grey16", "float", "rgb8"):
        photometric = "rgb" if p[kind].ndim == 3 else "minisblack"
        for squeeze, compression, predictor in (squeezes[0], squeezes[4]):
            tif(f"{kind}_tiled_{squeeze}.tif", p[kind], kind, photometric=photometric, tile=(16, 16),
                compression=compression, disagree=others)
        tif(f"{kind}_bigtiff.tif", p[kind], kind, photometric=photometric, bigtiff=True, disagree=others)
    tif("half.tif", p["float"].astype(np.float16), "float", photometric="minisblack", disagree=others)
    tif("double.tif", p["float"].astype(np.float64), "float", photometric="minisblack", disagree=others)
    tif("grey32.tif", p["grey32"], "grey32", photometric="minisblack", disagree=others)
    tif("miniswhite8.tif", 255 - p["grey8"], "grey8", photometric="miniswhite", disagree=others)
    tif("miniswhite16.tif", 65535 - p["grey16"], "grey16", photometric="miniswhite", disagree=others)
    tif("bilevel.tif", p["bits1"].astype(bool), "bits1", photometric="minisblack", disagree=others)
    tif("bilevel_miniswhite.tif", p["bits1"] == 0, "bits1", photometric="miniswhite", disagree=others)
    for extra in ("unassalpha", "assocalpha", "unspecified"):
        tif(f"rgb8_{extra}.tif", with_alpha(p["rgb8"]), "rgb8", photometric="rgb", extrasamples=[extra], disagree=others)
    tif("grey8_alpha.tif", with_alpha(p["grey8"]), "grey8", photometric="minisblack", extrasamples=["unassalpha"], disagree=others)
    colormap = (PALETTE8.T.astype(np.uint16)) * 257
    tif("palette8.tif", p["grey8"], "palette8", photometric="palette", colormap=colormap, disagree=others)
    tif("palette8_lzw.tif", p["grey8"], "palette8", photometric="palette", colormap=colormap, compression="lzw", disagree=others)
    indexed = Image.fromarray(p["grey8"], "P")
    indexed.putpalette(PALETTE8.tobytes())
    indexed.save(FILES / "palette8_pillow.tif")
    case("palette8_pillow.tif", "palette8", disagree=others)
    for tag in range(1, 9):
        # Pillow 12 turns the size of an uncompressed TIFF and not its pixels.
        tif(f"orientation{tag}.tif", stored(p["grey8"], tag), "grey8", photometric="minisblack",
            extratags=[(274, "H", 1, tag, True)], disagree=["OpenCV"] if tag < 5 else others)
    tif("mono12_in_16.tif", p["grey12"], "grey12", photometric="minisblack", extratags=[(281, "H", 1, 4095, True)], disagree=others)
    with tifffile.TiffWriter(FILES / "preview_first.tif") as writer:
        options = {"photometric": "minisblack", "metadata": None, "software": ""}
        writer.write(p["grey8"][::3, ::3].copy(), subfiletype=1, **options)
        writer.write(p["grey8"], **options)
        writer.write(p["grey8"] > 100, subfiletype=4, **options)
    case("preview_first.tif", "grey8", disagree=others)
    with tifffile.TiffWriter(FILES / "two_pages.tif") as writer:
        writer.write(p["grey8"], **options)
        writer.write(p["smooth"], **options)
    refused("two_pages.tif", "2 pages")
    for name in ("jpeg", "zstd", "lzma", "webp", "jpeg2000", "jpegxl"):
        words = {"jpeg": "(JPEG)", "zstd": "Zstandard", "lzma": "LZMA", "webp": "WebP", "jpeg2000": "JPEG 2000", "jpegxl": "JPEG XL"}
        tif(f"compression_{name}.tif", p["smoothrgb"], photometric="rgb", compression=name, refuse=words[name])
    Image.fromarray(p["bits1"] * 255).convert("1").save(FILES / "group4.tif", compression="group4")
    refused("group4.tif", "CCITT Group 4")
    tif("cmyk.tif", with_alpha(p["rgb8"]), photometric="separated", refuse="CMYK")
    tif("lab.tif", p["rgb8"], photometric="cielab", refuse="CIELab")
    tif("ycbcr.tif", p["rgb8"], photometric="ycbcr", refuse="YCbCr")
    for bits in (8, 16, 32):
        tif(f"signed{bits}.tif", p["smooth"].astype(f"i{bits // 8}"), photometric="minisblack", refuse="signed integer")
    tif("unsigned64.tif", p["grey32"].astype(np.uint64), photometric="minisblack", refuse="64-bit integer")


def make_others():
    p = PICTURES
    image = {kind: Image.fromarray(p[kind]) for kind in ("grey8", "rgb8", "smooth", "smoothrgb")}
    rgba = Image.fromarray(with_alpha(p["rgb8"]))
    indexed = Image.fromarray(p["grey8"], "P")
    indexed.putpalette(PALETTE8.tobytes())

    def save(name, picture, what, tolerance=0.0, disagree=(), **options):
        what.save(FILES / name, **options)
        case(name, picture, tolerance, disagree)

    save("grey8.bmp", "grey8", image["grey8"])
    save("rgb8.bmp", "rgb8", image["rgb8"])
    save("palette8.bmp", "palette8", indexed)
    save("bits1.bmp", "bits1", Image.fromarray(p["bits1"] * 255).convert("1"))
    save("rgb8_alpha.bmp", "rgb8", rgba, disagree=["OpenCV"])
    top_down = bytearray((FILES / "rgb8.bmp").read_bytes())
    offset, row = struct.unpack_from("<I", top_down, 10)[0], WIDTH * 3
    rows = [bytes(top_down[offset + i * row : offset + (i + 1) * row]) for i in range(HEIGHT)]
    struct.pack_into("<i", top_down, 22, -HEIGHT)
    (FILES / "rgb8_top_down.bmp").write_bytes(bytes(top_down[:offset]) + b"".join(reversed(rows)))
    case("rgb8_top_down.bmp", "rgb8")

    save("rgb8.webp", "rgb8", image["rgb8"], lossless=True)
    save("rgb8_alpha.webp", "rgb8", rgba, lossless=True, exact=True)
    for tag in (3, 6):
        save(f"orientation{tag}.webp", "rgb8", Image.fromarray(stored(p["rgb8"], tag)), lossless=True, exif=exif(tag),
             disagree=["OpenCV"])
    image["rgb8"].save(FILES / "animation.webp", save_all=True, append_images=[image["smoothrgb"]], lossless=True)
    refused("animation.webp", "animation of 2 frames")
    save("palette8.gif", "palette8", indexed, optimize=False)
    save("grey8.gif", "grey8", image["grey8"])
    save("grey8_interlaced.gif", "grey8", image["grey8"], interlace=1)
    image["grey8"].save(FILES / "animation.gif", save_all=True, append_images=[image["smooth"]])
    refused("animation.gif", "animation of 2 frames")

    for name, rle in (("", None), ("_rle", "tga_rle")):
        save(f"grey8{name}.tga", "grey8", image["grey8"], compression=rle)
        save(f"rgb8{name}.tga", "rgb8", image["rgb8"], compression=rle)
        save(f"rgb8_alpha{name}.tga", "rgb8", rgba, compression=rle)
        save(f"palette8{name}.tga", "palette8", indexed, compression=rle, disagree=["OpenCV"])
    save("rgb8_top.tga", "rgb8", image["rgb8"], orientation=1)
    # Only compressed ones are read.
    rgba.save(FILES / "rgb8_alpha.dds")
    refused("rgb8_alpha.dds", "unsupported DDS file")
    save("rgb8_alpha.ico", "rgb8", rgba, sizes=[(WIDTH, HEIGHT)])

    for name, picture in (("rgb8.qoi", p["rgb8"]), ("rgb8_alpha.qoi", with_alpha(p["rgb8"]))):
        (FILES / name).write_bytes(imagecodecs.qoi_encode(picture))
        case(name, "rgb8")

    def text(values):
        return "\n".join(" ".join(str(int(v)) for v in row.reshape(-1)) for row in values)

    size = f"{WIDTH} {HEIGHT}"
    packed = np.packbits(1 - p["bits1"], axis=1).tobytes()
    be = lambda values: values.astype(">u2").tobytes()
    pnm = {
        "bits1_text.pbm": ("bits1", f"P1\n{size}\n{text(1 - p['bits1'])}\n".encode()),
        "bits1.pbm": ("bits1", f"P4\n{size}\n".encode() + packed),
        "grey8_text.pgm": ("grey8", f"P2\n# a comment\n{size}\n255\n{text(p['grey8'])}\n".encode()),
        "grey8.pgm": ("grey8", f"P5\n{size}\n255\n".encode() + p["grey8"].tobytes()),
        "grey16.pgm": ("grey16", f"P5\n{size}\n65535\n".encode() + be(p["grey16"])),
        "grey16_text.pgm": ("grey16", f"P2\n{size}\n65535\n{text(p['grey16'])}\n".encode()),
        "bits4_of_15.pgm": ("bits4", f"P5\n{size}\n15\n".encode() + p["bits4"].tobytes()),
        "grey12_of_4095.pgm": ("grey12", f"P5\n{size}\n4095\n".encode() + be(p["grey12"])),
        "rgb8_text.ppm": ("rgb8", f"P3\n{size}\n255\n{text(p['rgb8'])}\n".encode()),
        "rgb8.ppm": ("rgb8", f"P6\n{size}\n255\n".encode() + p["rgb8"].tobytes()),
        "rgb16.ppm": ("rgb16", f"P6\n{size}\n65535\n".encode() + be(p["rgb16"])),
    }
    for kind, depth, tuple_type in (("grey8", 1, "GRAYSCALE"), ("rgb8", 3, "RGB")):
        head = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {tuple_type}\nENDHDR\n".encode()
        pnm[f"{kind}.pam"] = (kind, head + p[kind].tobytes())
    head = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n".encode()
    pnm["rgb8_alpha.pam"] = ("rgb8", head + with_alpha(p["rgb8"]).tobytes())
    for name, (picture, content) in pnm.items():
        (FILES / name).write_bytes(content)
        # A level of fewer bits is rounded to 8 or 16 by Pillow and by pcore.
        coarse = {"bits4_of_15.pgm": 1e-6, "grey12_of_4095.pgm": 8e-6}.get(name, 0.0)
        eight_bits = ["Pillow"] if name == "rgb16.ppm" else []
        # No library at hand reads all of PAM; it is PNM with another header.
        case(name, picture, coarse, disagree=["OpenCV", *eight_bits], readers=not name.endswith(".pam"))
    for order, scale in (("<", "-1.0"), (">", "1.0")):
        for kind, mark in (("float", "Pf"), ("rgbfloat", "PF")):
            name = f"{kind}_{'le' if order == '<' else 'be'}.pfm"
            rows = p[kind][::-1].astype(f"{order}f4").tobytes()
            (FILES / name).write_bytes(f"{mark}\n{size}\n{scale}\n".encode() + rows)
            case(name, kind)

    for kind, dtype in (("half", np.float16), ("single", np.float32)):
        for squeeze in ("NO", "RLE", "ZIPS", "ZIP", "PIZ"):
            name = f"rgbfloat_{kind}_{squeeze.lower()}.exr"
            header = {"compression": getattr(OpenEXR, f"{squeeze}_COMPRESSION"), "type": OpenEXR.scanlineimage}
            with OpenEXR.File(header, {"RGB": p["rgbfloat"].astype(dtype)}) as file:
                file.write(str(FILES / name))
            case(name, "rgbfloat")
    # Eight bits of mantissa, shared by the three channels.
    cv2.imwrite(str(FILES / "rgbfloat.hdr"), p["rgbfloat"][:, :, ::-1].copy())
    case("rgbfloat.hdr", "rgbfloat", 0.008)
    body = np.concatenate([p["rgb16"], np.full((HEIGHT, WIDTH, 1), 65535, np.uint16)], 2).astype(">u2").tobytes()
    (FILES / "rgb16.ff").write_bytes(b"farbfeld" + struct.pack(">II", WIDTH, HEIGHT) + body)
    # Of a format this simple the specification is the reader.
    case("rgb16.ff", "rgb16", readers=False)

    # Lossy: decoders may differ by rounding, and in how they interpolate colour.
    save("smooth.jpg", "smooth", image["smooth"], 0.02, quality=98)
    for name, subsampling, tolerance in (("444", 0, 0.02), ("422", 1, 0.06), ("420", 2, 0.08)):
        for progressive in (False, True):
            mark = "_progressive" if progressive else ""
            save(f"smoothrgb_{name}{mark}.jpg", "smoothrgb", image["smoothrgb"], tolerance, quality=98,
                 subsampling=subsampling, progressive=progressive)
    for tag in range(1, 9):
        turned = Image.fromarray(stored(p["smoothrgb"], tag))
        save(f"orientation{tag}.jpg", "smoothrgb", turned, 0.02, quality=98, subsampling=0, exif=b"Exif\0\0" + exif(tag),
             disagree=["OpenCV"])
    (FILES / "jpeg12.jpg").write_bytes(imagecodecs.jpeg8_encode(p["grey12"], bitspersample=12))
    refused("jpeg12.jpg", "12 bits per sample")
    (FILES / "lossless.jpg").write_bytes(imagecodecs.ljpeg_encode(p["grey12"], bitspersample=12))
    refused("lossless.jpg", "lossless")
    (FILES / "ls.jpg").write_bytes(imagecodecs.jpegls_encode(p["grey8"]))
    refused("ls.jpg", "JPEG-LS")
    for name, encode, words in (
        ("picture.jp2", imagecodecs.jpeg2k_encode, "JPEG 2000"), ("picture.jxl", imagecodecs.jpegxl_encode, "JPEG XL"),
        ("picture.avif", imagecodecs.avif_encode, "AVIF"),
    ):
        (FILES / name).write_bytes(encode(p["rgb8"]))
        refused(name, words)


def main():
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir()
    make_png()
    make_tiff()
    make_others()
    if problems:
        raise SystemExit("\n".join(problems))
    pictures = {
        name: {"shape": list(values.shape), "full_scale": FULL.get(name, 255), "values": values.reshape(-1).tolist()}
        for name, values in PICTURES.items()
    }
    with open(HERE / "expected.json", "w") as file:
        file.write('{"pictures": {\n')
        file.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in pictures.items()))
        file.write('\n}, "cases": {\n')
        file.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(cases.items())))
        file.write("\n}}\n")
    n_refused = sum("refused" in c for c in cases.values())
    size = sum(f.stat().st_size for f in FILES.iterdir())
    print(f"{len(cases)} cases, {n_refused} refused, {size} bytes")


main()
