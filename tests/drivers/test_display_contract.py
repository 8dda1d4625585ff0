"""What every display must do, asked of each of them: luma's dummy device, and its real SSD1306 on a recorded I2C bus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from luma.core.device import dummy
from luma.core.interface.serial import i2c
from PIL import Image

from drivers import oled_display
from drivers.catalogue import open_display
from drivers.display_face import Face, draw
from drivers.errors import BadUrl, Unavailable, Unplugged
from drivers.indicator import Signal
from drivers.oled_display import OledDisplay, oled_on

pytestmark = [pytest.mark.timeout(30), pytest.mark.filterwarnings("ignore:.*getdata is deprecated:DeprecationWarning")]  # luma.oled's
SIZE = (128, 64)


class Panel:
    """What an onlooker sees."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.on = False
        self.picture: Image.Image | None = None
        self.broken = False

    def show(self, picture: Image.Image) -> None:
        with self.changed:
            self.picture = picture.convert("1")
            self.changed.notify_all()

    def shows(self, face: Face) -> bool:
        expected = draw(face, SIZE, "1").tobytes()
        with self.changed:
            return self.changed.wait_for(lambda: self.picture is not None and self.picture.tobytes() == expected, 10)

    def check(self) -> None:
        if self.broken:
            raise OSError("no such address")


class DummyDevice(dummy):  # type: ignore[misc]
    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        super().__init__(*SIZE, mode="1")
        panel.on = True

    def display(self, image: Image.Image) -> None:
        self.panel.check()
        super().display(image)
        self.panel.show(self.image)

    def hide(self) -> None:
        self.panel.on = False


class I2cBus:
    """Records what reaches the panel, and puts the SSD1306's pages together again (datasheet section 8.7: a byte is 8 rows of a column)."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.memory = bytearray()

    def write_i2c_block_data(self, address: int, mode: int, data: list[int]) -> None:
        self.panel.check()
        assert address == 0x3C
        if mode == 0x00 and data == [0xE3]:
            return  # no operation
        if mode == 0x00:
            self.panel.on = {0xAF: True, 0xAE: False}.get(data[0], self.panel.on) if len(data) == 1 else self.panel.on
            return
        self.memory += bytes(data)
        if len(self.memory) == SIZE[0] * SIZE[1] // 8:
            picture = Image.new("1", SIZE)
            for place, byte in enumerate(self.memory):
                for bit in range(8):
                    picture.putpixel((place % SIZE[0], place // SIZE[0] * 8 + bit), 255 * (byte >> bit & 1))
            self.memory.clear()
            self.panel.show(picture)


@pytest.fixture(params=["dummy", "ssd1306"])
def device(request: pytest.FixtureRequest) -> Callable[[Panel], Any]:
    if request.param == "dummy":
        return DummyDevice
    return lambda panel: oled_on(i2c(bus=I2cBus(panel), address=0x3C), "ssd1306", 0, SIZE)


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def make(device: Callable[[Panel], Any], panel: Panel) -> Callable[[], OledDisplay]:
    return lambda: OledDisplay("ssd1306", open_device=lambda: device(panel))


def test_states_and_counts_are_shown(make: Callable[[], OledDisplay], panel: Panel) -> None:
    display = make()
    assert panel.shows(Face(Signal.STARTING))
    display.show(Signal.READY)
    assert panel.shows(Face(Signal.READY))
    display.count(12)
    assert panel.shows(Face(Signal.READY, 12))
    display.count(None)
    assert panel.shows(Face(Signal.READY))
    display.close()
    assert not panel.on


def test_an_answer_is_shown_and_then_the_state_returns(
    make: Callable[[], OledDisplay], panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oled_display, "_ANSWER_S", 0.3)
    display = make()
    display.show(Signal.READY)
    display.show(Signal.ACCEPTED)
    assert panel.shows(Face(Signal.ACCEPTED))
    display.show(Signal.FULL)
    assert panel.shows(Face(Signal.FULL))
    display.close()


def test_the_newest_answer_wins(make: Callable[[], OledDisplay], panel: Panel) -> None:
    display = make()
    for signal in Signal:
        display.show(signal)
    display.show(Signal.REFUSED)
    assert panel.shows(Face(Signal.REFUSED))
    display.close()


def test_closing_twice_is_harmless_from_any_thread_and_it_can_be_opened_again(make: Callable[[], OledDisplay], panel: Panel) -> None:
    for _ in range(2):
        display = make()
        threads = [threading.Thread(target=display.close) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        display.close()
        display._thread.join(10)
        assert not panel.on


def test_a_display_that_goes_away_is_told_and_one_that_is_not_there_unavailable(
    make: Callable[[], OledDisplay], panel: Panel, caplog: pytest.LogCaptureFixture
) -> None:
    display = make()
    panel.broken = True
    display.show(Signal.ACCEPTED)
    display._thread.join(10)
    with pytest.raises(Unplugged, match="does not work any more"):
        display.show(Signal.READY)
    with pytest.raises(Unplugged):
        display.count(1)
    display.close()
    assert caplog.messages == ["oled:ssd1306 the display failed"]
    with pytest.raises(Unavailable, match=r"cannot be opened .*i2cdetect -y 1"):
        make()
    panel.broken = False
    make().close()


def test_where_nothing_answers_the_bus_is_closed_and_luma_makes_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        closed = 0

        def command(self, *_command: int) -> None:
            raise OSError("no such address")

        def cleanup(self) -> None:
            self.closed += 1

    made: list[object] = []
    monkeypatch.setattr("atexit.register", made.append)
    bus = Deaf()
    with pytest.raises(Unavailable, match="no such address"):
        OledDisplay("ssd1306", open_device=lambda: oled_on(bus, "ssd1306", 0, SIZE))
    assert (bus.closed, made) == (1, [])


def test_a_bus_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="I2C device not found: /dev/i2c-22"):
        open_display("oled:ssd1306?i2c=22")
    with pytest.raises(Unavailable, match=r"'oled:framebuffer' cannot be opened"):
        open_display("oled:framebuffer?fb=9")


@pytest.mark.parametrize(
    "url, told",
    [
        ("oled:", "name the chip after the colon"),
        ("oled:ssd9999", "'ssd9999' is not allowed, name one of ssd1306,"),
        ("oled:sh1106?language=fr", "give one of vi, en, both"),
        ("screen:", "there is no display 'screen'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_display(url)
