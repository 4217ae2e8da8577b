"""Images in other forms of a right thing, and images that are refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.sequences.decode import decode_color, decode_raw_depth, read_depth, read_image
from mapper.io.sequences.image_files import first_size
from mapper.io.sequences.image_folder import open_image_folder
from mapper.io.sequences.image_header import read_header
from mapper.io.sequences.open_sequence import open_sequence
from tests.support.images import write_image

IMAGE = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)
DEPTH = np.arange(12 * 16, dtype=np.float32).reshape(12, 16) / 8


def encoded(ending: str, image: np.ndarray = IMAGE) -> bytes:
    return cv2.imencode(ending, image)[1].tobytes()


def turned(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block of that orientation; the pixels stay."""
    entry = struct.pack(">HHIHH", 274, 3, 1, orientation, 0)
    block = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".bmp", ".webp", ".ppm"])
def test_headers_tell_the_size(ending: str) -> None:
    header = read_header(encoded(ending))
    assert header is not None and header.shown_size == (16, 12)


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_bytes_behind_an_image_play_no_part(ending: str) -> None:
    tail = b"\0\0\0\x18ftypmp42" + b"\xff\xda\xff\xd8" * 50 + b"moov" * 3000
    whole = encoded(ending)
    np.testing.assert_array_equal(decode_color(whole + tail, "a"), decode_color(whole, "a"))
    for length in (len(whole) // 2, len(whole) - 2):
        with pytest.raises(InputError, match="a: the image is cut short"):
            decode_color(whole[:length], "a")


def hostile(ending: str) -> bytes:
    """An image of 60000x60000 pixels by its header."""
    content = bytearray(encoded(ending, IMAGE))
    big = struct.pack(">I", 60000)
    if ending == ".png":
        content[16:24] = big + big
    elif ending == ".jpg":
        at = content.index(b"\xff\xc0")
        content[at + 5 : at + 9] = big[2:] + big[2:]
    elif ending == ".bmp":
        content[18:26] = struct.pack("<ii", 60000, 60000)
    else:
        content = bytearray(content.replace(b"16 12", b"60000 60000"))
    return bytes(content)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".ppm"])
def test_an_image_too_large_is_refused_by_its_header(ending: str) -> None:
    with pytest.raises(InputError, match=r"a: 60000x60000 pixels by its header, above the 200 mil"):
        decode_color(hostile(ending), "a")
    with pytest.raises(InputError, match="60000x60000"):
        decode_raw_depth(hostile(ending), "a")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_images_only_where_no_depth_lies_beside(
    tmp_path: Path, orientation: int
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(turned(encoded(".jpg"), orientation))
    shown, stored = read_image(path), read_image(path, as_stored=True)
    assert stored.shape == (12, 16, 3)
    assert shown.shape == ((16, 12, 3) if orientation >= 5 else (12, 16, 3))
    assert (shown.shape == stored.shape and (shown == stored).all()) == (orientation == 1)
    assert first_size([path]) == shown.shape[1::-1]
    assert first_size([path], as_stored=True) == (16, 12)


def test_most_images_decide_the_size(tmp_path: Path) -> None:
    write_image(tmp_path / "000_preview.png", 0, 20, 10)
    for i in range(3):
        write_image(tmp_path / f"image_{i}.png", i)
    sequence = open_sequence(tmp_path)
    with pytest.raises(InputError, match=r"000_preview.png: 20x10 pixels"):
        sequence[0]
    assert sequence[1].image.shape == (30, 40, 3)


def test_photographs_that_are_not_read_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png", 0)
    (tmp_path / "1.AVIF").write_bytes(b"ftypavif")
    assert "1 AVIF images are left out" in open_sequence(tmp_path).notes[0]
    (tmp_path / "0.png").unlink()
    with pytest.raises(InputError, match="1 AVIF images"):
        open_image_folder(tmp_path)


@pytest.mark.parametrize("ending", ["npy", "npz", "tiff", "pfm", "exr", "f16.npy", "f64.npy"])
def test_depth_in_metres_of_every_kind(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    depth = DEPTH.copy()
    depth[0, :4] = np.nan, np.inf, -1, 0
    if ending.endswith("npy"):
        kind = {"f16.npy": np.float16, "f64.npy": np.float64}.get(ending, np.float32)
        np.save(path, depth.astype(kind))
    elif ending == "npz":
        np.savez_compressed(path, depth=depth)
    elif ending == "exr":
        path.write_bytes(exr(depth, compression=3))
    else:
        assert cv2.imwrite(str(path), depth)
    expected = np.where(np.isfinite(depth) & (depth > 0), depth, 0)
    found = read_depth(path, 1000.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_whole_numbers_have_a_scale(tmp_path: Path) -> None:
    units = np.array([[0, 1000, 65535], [500, 2000, 1]], np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.pgm"), units)
    np.save(tmp_path / "b.npy", units.astype(np.int32))
    assert read_depth(tmp_path / "a.pgm", 1000.0)[0].tolist() == [0, 1, 0]
    assert read_depth(tmp_path / "b.npy", 500.0)[1].tolist() == [1, 4, np.float32(0.002)]


def exr(depth: np.ndarray, compression: int) -> bytes:
    """An OpenEXR file with one channel Z of float, in scan lines; 0 = none, 2 = ZIPS, 3 = ZIP."""

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value

    height, width = depth.shape
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    head = b"\x76\x2f\x31\x01" + struct.pack("<I", 2)
    head += attribute("channels", "chlist", b"Z\0" + struct.pack("<iIii", 2, 0, 1, 1) + b"\0")
    head += attribute("compression", "compression", bytes([compression]))
    head += attribute("dataWindow", "box2i", window) + attribute("displayWindow", "box2i", window)
    head += b"\0"
    rows = {0: 1, 2: 1, 3: 16}[compression]
    blocks = []
    for first in range(0, height, rows):
        plain = depth[first : first + rows].astype("<f4").tobytes()
        content = plain if compression == 0 else packed(plain)
        content = content if len(content) < len(plain) else plain
        blocks.append(struct.pack("<iI", first, len(content)) + content)
    starts = np.cumsum([len(head) + 8 * len(blocks), *map(len, blocks[:-1])])
    return head + struct.pack(f"<{len(blocks)}Q", *starts.tolist()) + b"".join(blocks)


def packed(plain: bytes) -> bytes:
    """As OpenEXR packs: even bytes, then odd ones, their differences, zlib."""
    parted = np.frombuffer(plain[0::2] + plain[1::2], np.uint8).astype(int)
    differences = np.diff(parted, prepend=0)
    differences[1:] += 128
    return zlib.compress((differences & 255).astype(np.uint8).tobytes())


@pytest.mark.parametrize("compression", [0, 2, 3])
def test_exr_of_every_packing(compression: int) -> None:
    np.testing.assert_array_equal(decode_raw_depth(exr(DEPTH, compression), "a"), DEPTH)


def test_an_exr_that_is_damaged_or_packed_otherwise_is_named() -> None:
    content = exr(DEPTH, 3)
    with pytest.raises(InputError, match="a: the EXR file is cut short or damaged"):
        decode_raw_depth(content[:-20], "a")
    piz = content.replace(
        b"compression\0compression\0\x01\0\0\0\x03", b"compression\0compression\0\x01\0\0\0\x04"
    )
    with pytest.raises(InputError, match="with PIZ is not read"):
        decode_raw_depth(piz, "a")


def test_depth_of_another_size_but_the_same_shape(rgbd_folder: Path) -> None:
    small = np.zeros((15, 20), np.uint16)
    small[7, 9] = 1500
    for i, size in ((0, None), (1, (80, 60))):
        depth = small if size is None else cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
        assert cv2.imwrite(str(rgbd_folder / f"depth/{i}.png"), depth)
    sequence = open_sequence(rgbd_folder)
    for i in (0, 1):
        found = sequence[i].depth
        assert found is not None and found.shape == (30, 40)
        assert np.argwhere(found > 0).tolist() == [[14, 18], [14, 19], [15, 18], [15, 19]]
