"""Reading firmware: what is where, how much it takes, and damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import Bench

from tinyflow.core.errors import RunError, ToolError
from tinyflow.targets import elf


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A Cortex-M7 with a tiny model."""
    return Bench(tmp_path_factory.mktemp("elf"), cpu="cortex-m7")


@pytest.fixture(scope="module")
def path(bench: Bench) -> Path:
    """Its firmware."""
    return bench.link()["firmware.elf"]


@pytest.fixture(scope="module")
def firmware(path: Path) -> elf.Firmware:
    """The same, read."""
    return elf.read(path)


def test_symbols_have_addresses_without_thumbs_bit(firmware: elf.Firmware) -> None:
    """A function's address is where its code lies; an offset is added."""
    invoke = firmware.symbol("model_invoke")
    assert invoke.kind == "function"
    assert invoke.address % 2 == 0
    assert invoke.section == ".text"
    assert firmware.entry == firmware.symbol("Reset_Handler").address + 1
    assert firmware.address("model_arena+0x10") == firmware.address("model_arena") + 16
    assert firmware.symbol("model_arena").size_bytes == 1024
    assert not [symbol for symbol in firmware.symbols if symbol.name.startswith("$")]


def test_only_what_is_in_memory_is_a_section(firmware: elf.Firmware) -> None:
    """Tables of symbols and strings, and what debuggers read, take none."""
    kinds = dict.fromkeys((".vectors", ".text"), (True, False, True)) | {".rodata": (False, False, True)}
    kinds |= {".data": (False, True, True), ".bss": (False, True, False), ".stack": (False, False, False)}
    kinds[".vectors"] = (False, False, True)
    found = {one.name: (one.is_code, one.is_writable, one.has_bytes) for one in firmware.sections}
    assert found == kinds
    assert all(section.address >= 0x08000000 for section in firmware.sections)


def test_unknown_symbol_is_a_run_error(firmware: elf.Firmware) -> None:
    """A plan that names what the firmware has not is told so."""
    with pytest.raises(RunError, match="no symbol model_missing"):
        firmware.address("model_missing+4")


def test_every_address_of_a_function_is_found(firmware: elf.Firmware) -> None:
    """From its first to its last byte, and not beyond; of several names the plainest."""
    for function in firmware.functions:
        assert firmware.function_at(function.address) == function
        assert firmware.function_at(function.address + function.size_bytes - 1) == function
    assert firmware.function_at(0x20000000) is None
    assert firmware.function_at(0) is None
    copy = firmware.function_at(firmware.address("__aeabi_memset"))
    assert copy is not None and not copy.name.startswith("__aeabi_memset4")
    assert [function.address for function in firmware.functions] == sorted({f.address for f in firmware.functions})


def test_data_is_seen_in_ram_and_lies_in_flash(firmware: elf.Firmware) -> None:
    """Initial values have two addresses, and are the only bytes of the file that belong to RAM."""
    data = next(s for s in firmware.segments if s.data and s.address >= 0x20000000)
    assert data.data == (41).to_bytes(4, "little")
    assert 0x08000000 < data.load_address < 0x08200000
    assert data.address == firmware.address("model_first")


def test_sizes_add_up_to_the_loaded_bytes(firmware: elf.Firmware, bench: Bench) -> None:
    """ROM is every byte that a programmer would write, however it is divided."""
    sizes = elf.sizes(firmware, bench.memory)
    assert sizes["rom_bytes"] == sum(len(segment.data) for segment in firmware.segments)
    assert sizes["rom_bytes"] == sizes["rom_code"] + sizes["rom_rodata"] + sizes["rom_data"]
    assert [s["bytes"] for s in sizes["symbols"]] == sorted((s["bytes"] for s in sizes["symbols"]), reverse=True)


def test_firmware_for_elsewhere_takes_no_flash(firmware: elf.Firmware) -> None:
    """Bytes count for the flash that they lie in only."""
    memory = [{"name": "rom", "kind": "flash", "origin": 0x10000000, "length_bytes": 4096}]
    assert elf.sizes(firmware, memory)["regions"]["rom"]["used"] == 0


def test_object_is_not_firmware(bench: Bench, path: Path) -> None:
    """A file that was not linked has nothing to load."""
    with pytest.raises(ToolError, match="nothing to load"):
        elf.read(bench.folder / "compile" / "out" / "objects" / "model.c.o")


@given(st.data())
def test_cut_off_file_is_refused(path: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A torn file never reads as smaller firmware."""
    content = path.read_bytes()
    damaged = tmp_path_factory.mktemp("torn") / "firmware.elf"
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ToolError, match=r"firmware\.elf"):
        elf.read(damaged)


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_never_crash(
    path: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]]
) -> None:
    """Whatever a byte becomes, the file reads or is refused."""
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[int(place * len(content))] = value
    damaged = tmp_path_factory.mktemp("flipped") / "firmware.elf"
    damaged.write_bytes(bytes(content))
    try:
        elf.sizes(elf.read(damaged), [])
    except ToolError as error:
        assert "firmware.elf" in str(error)


@pytest.mark.slow
def test_every_header_byte_may_be_wrong(path: Path, tmp_path: Path) -> None:
    """The same for each byte of the file's header and tables alone, where one byte decides most."""
    content = path.read_bytes()
    sections = int.from_bytes(content[32:36], "little")
    damaged = tmp_path / "firmware.elf"
    for place in (*range(52 + 4 * 32), *range(sections, len(content))):
        for value in (0, 0xFF):
            damaged.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                elf.sizes(elf.read(damaged), [])
            except ToolError as error:
                assert "firmware.elf" in str(error)
