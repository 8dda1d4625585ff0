"""What each signal means to the keeper of a gate and what they do then, in Vietnamese and English; and its rhythm in words."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import kit_pins

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp, Pattern
from drivers.signal_words import shape_and_words


class Language(StrEnum):
    """The languages of the guide."""

    VI = "vi"
    EN = "en"


class Group(StrEnum):
    """What a signal asks for: the headings, in their order; the last is the installer's and not on the keeper's card."""

    GO = "go"
    AGAIN = "again"
    KEEPER = "keeper"
    MACHINE = "machine"
    INSTALL = "install"


HEADINGS = {
    Group.GO: ("Cho qua", "Let them pass"),
    Group.AGAIN: ("Mời đưa lại mã", "Ask for the code again"),
    Group.KEEPER: ("Dừng lại: người trực xem", "Stop: you look"),
    Group.INSTALL: ("Khi lắp máy: chờ vé, rồi trả lời tấm vé", "While it is installed: it waits for a ticket, and what came of it"),
    Group.MACHINE: ("Khi không có ai: máy thế nào?", "Nobody there: how is the device?"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do at a signal.

    Attributes:
        group: its place on the quick card.
        vi: Vietnamese: what the keeper does.
        en: the same in English.
    """

    group: Group
    vi: str
    en: str

    def words(self, language: Language) -> str:
        """What the keeper does, in one language."""
        return self.vi if language is Language.VI else self.en


ADVICE = {
    "accepted": Advice(Group.GO, "Lượt này đã ghi xong.", "This passage is recorded."),
    "already": Advice(Group.GO, "Mã này vừa quét xong, không ghi thêm.", "This code was read a moment ago; nothing more is recorded."),
    "pass-seen": Advice(
        Group.AGAIN, "Giấy chứng nhận sức khỏe đã xem xong; chưa ghi lượt nào.", "The health pass was seen; nothing is recorded yet."
    ),
    "not-a-person-code": Advice(
        Group.AGAIN,
        "Thường là mã địa điểm, mã thanh toán, Wi-Fi. Mời mở đúng mã, hoặc đưa thẻ CCCD, thẻ in.",
        "Often a site's, a payment's or a Wi-Fi code. Ask for the right one, or for the identity card or printed card.",
    ),
    "closer": Advice(Group.AGAIN, "Máy thấy mã nhưng còn xa.", "The device sees the code, but too far away."),
    "hold-still": Advice(Group.AGAIN, "Máy thấy mã: giữ yên một giây.", "The device sees the code: a second is enough."),
    "unreadable": Advice(
        Group.AGAIN,
        "Lau màn hình, bật sáng màn hình, vuốt phẳng giấy, che nắng rồi đưa lại. Vẫn không được: ghi giấy.",
        "Wipe and brighten the screen, smooth the paper, shade it from the sun, try again. Still not: write it on paper.",
    ),
    "accepted-ask": Advice(
        Group.KEEPER, "Giữ người đó lại một chút và hỏi giấy chứng nhận sức khỏe.", "Keep them for a moment and ask for their health pass."
    ),
    "ask-keeper": Advice(
        Group.KEEPER,
        "Máy không cho qua và không nói lý do. Hỏi người đó; đúng người thì bấm nút người trực rồi mời đưa lại mã.",
        "The device does not let them through and does not say why. Ask; if all is right, press the keeper's button, then the code again.",
    ),
    "pass-not-valid": Advice(Group.KEEPER, "Làm theo quy định của địa điểm.", "Do what your place's rule says."),
    "not-open": Advice(
        Group.KEEPER, "Ngoài giờ, hoặc cổng đang được đóng.", "Outside opening hours, or the gate was closed. They come back later."
    ),
    "refused": Advice(
        Group.KEEPER,
        "Lượt này CHƯA được ghi. Mời đưa lại; vẫn vậy thì ghi giấy và xem đèn của máy.",
        "This passage was NOT recorded. Ask again; if it stays so, write it on paper and look at the device's light.",
    ),
    "tested": Advice(
        Group.AGAIN,
        "Đang thử máy nên KHÔNG ghi. Kết thúc thử rồi mời đưa lại mã.",
        "The device is being tested and records nothing. End the test, then ask for the code again.",
    ),
    "identify": Advice(
        Group.INSTALL,
        "Máy đang thử tấm vé, hoặc được hỏi “máy nào đây?”.",
        "The device is trying a ticket, or was asked “which one are you?”.",
    ),
    "joined": Advice(
        Group.INSTALL,
        "Máy đã vào tỉnh; nó kiểm tra nốt khóa, đồng hồ, đường truyền rồi mở cổng.",
        "It belongs to the province now; it tests keys, clock and connection, and opens.",
    ),
    "ticket-refused": Advice(
        Group.INSTALL, "Gọi tỉnh, xin vé mới, đưa trong mười phút.", "Call the province for a new ticket, show it within ten minutes."
    ),
    "province-not-reached": Advice(
        Group.INSTALL, "Xem dây mạng, Wi-Fi, SIM; rồi đưa lại vé.", "Look at cable, Wi-Fi, SIM; then show the ticket again."
    ),
    "ticket-foreign": Advice(
        Group.INSTALL,
        "Không dùng vé này. Hỏi lại người gửi; máy của tỉnh khác thì phải xóa trước.",
        "Do not use it. Ask who sent it; a device of another province must be reset first.",
    ),
    "waiting-with-fault": Advice(
        Group.INSTALL,
        "Đã tự kiểm tra: một bộ phận hỏng hoặc lỏng dây. Xem `sudo gate-agent status`, sửa trước khi đưa vé.",
        "It has tested itself: a part is broken or its cable loose. See `sudo gate-agent status`; mend it before you show the ticket.",
    ),
    "waiting-for-ticket": Advice(
        Group.MACHINE,
        "Máy chưa thuộc về tỉnh nào, chưa ghi được. Ghi giấy. Gọi kỹ thuật.",
        "It belongs to no province and records nobody. Write on paper. Call the technician.",
    ),
    "ready": Advice(Group.MACHINE, "Máy tốt.", "All is well."),
    "starting": Advice(Group.MACHINE, "Chờ 2 phút. Quá 5 phút: gọi kỹ thuật.", "Wait 2 minutes. Longer than 5: call the technician."),
    "attention": Advice(
        Group.MACHINE,
        "Mọi lượt vẫn được ghi. Đóng nắp máy; nếu còn, gọi kỹ thuật trong ngày.",
        "Every passage is still recorded. Close the lid; if the light stays, call the technician the same day.",
    ),
    "shut": Advice(
        Group.MACHINE,
        "Không nhận lượt vào; lượt ra vẫn ghi. Cũng báo vậy khi đang thử máy.",
        "Nobody comes in; whoever goes out is recorded. Also while it is tested.",
    ),
    "fault": Advice(
        Group.MACHINE,
        "Ghi giấy. Xem lại dây đầu đọc, camera; chờ 1 phút, rồi gọi kỹ thuật.",
        "Write on paper. Look at the reader's and camera's cables; after 1 minute call the technician.",
    ),
    "full": Advice(
        Group.MACHINE,
        "Ghi giấy. Gọi kỹ thuật ngay: máy cần có mạng để gửi đi.",
        "Write on paper. Call the technician at once: it needs a network to send.",
    ),
    "closed": Advice(
        Group.MACHINE,
        "Tối hẳn: máy tắt hoặc mất điện. Ghi giấy. Xem ổ cắm, cầu dao.",
        "Dark: off or without power. Write on paper. Look at plug and breaker.",
    ),
}

# The section of trouble.md that each state leads to, in both languages.
TROUBLE = {
    "closed": ("Tối hẳn", "Dark"),
    "starting": ("Vàng chớp đều", "Amber, even"),
    "waiting-for-ticket": ("Vàng chớp ba cái rồi nghỉ", "Amber, three and a pause"),
    "waiting-with-fault": ("Vàng chớp ba cái rồi đỏ", "Amber, three and a red"),
    "attention": ("Xanh chớp, rồi vàng chớp", "Green wink, then amber wink"),
    "shut": ("Đỏ và vàng cùng sáng", "Red and amber together"),
    "fault": ("Đỏ chớp nhanh", "Red, quick"),
    "full": ("Đỏ liên tục", "Red, steady"),
    "ready": ("Xanh bình thường mà khách quét không được", "Normal green, and people are not read"),
}

# Parts as `kit_pins.counted` names them.
PARTS = {
    "camera": "camera",
    "barcode reader": "đầu đọc mã vạch",
    "driver board": "mạch công suất",
    "green lamp": "đèn xanh",
    "red lamp": "đèn đỏ",
    "amber lamp": "đèn vàng",
    "active buzzer": "còi có sẵn mạch dao động",
    "relay of barrier or turnstile": "rơ-le cho thanh chắn, cửa xoay",
    "ignition (KL15)": "dây khóa điện (KL15)",
    "supply lost, from the UPS": "dây báo mất nguồn, từ bộ lưu điện",
    "tamper switch of the lid": "công tắc nắp hộp",
    "door contact": "công tắc cửa xe",
    "keeper's button": "nút người trực",
    "terminus button": "nút bến cuối",
}

_LAMPS = {Lamp.GREEN: ("xanh", "green"), Lamp.AMBER: ("vàng", "amber"), Lamp.RED: ("đỏ", "red")}


def problems() -> list[str]:
    """Signals without words, and words for what is no signal."""
    signals = {str(signal) for signal in PATTERNS}
    states = {str(signal) for signal, pattern in PATTERNS.items() if pattern.is_state}
    return [
        *_differences("ADVICE", signals, ADVICE.keys()),
        *_differences("TROUBLE", states, TROUBLE.keys()),
        *_differences("PARTS", kit_pins.counted().keys(), PARTS.keys()),
    ]


def _differences(table: str, wanted: AbstractSet[str], there: AbstractSet[str]) -> Iterator[str]:
    for name in sorted(wanted - there):
        yield f"hw_docs/guide_words.py: {table} has no words for {name!r}: write them"
    for name in sorted(there - wanted):
        yield f"hw_docs/guide_words.py: {table} has {name!r}, which there is not: remove it"


def advice(signal: Signal) -> Advice:
    """What to do at a signal; nothing yet where `problems` says so."""
    return ADVICE.get(str(signal), Advice(Group.MACHINE, "", ""))


def trouble(signal: Signal, language: Language) -> str:
    """The section of trouble.md that a state leads to."""
    return TROUBLE.get(str(signal), ("", ""))[0 if language is Language.VI else 1]


def called(signal: Signal, language: Language) -> str:
    """What a signal is called."""
    _shape, vietnamese, english = shape_and_words(signal)
    return vietnamese if language is Language.VI else english[0].upper() + english[1:]


def rhythm(pattern: Pattern, language: Language) -> str:
    """A pattern in words.

    Example:
        >>> rhythm(PATTERNS[Signal.ACCEPTED], Language.EN)
        'green 0.8 s; 1 beep'
        >>> rhythm(PATTERNS[Signal.READY], Language.VI)
        'xanh 0,1 s – tắt 2,9 s, lặp lại'
    """
    place = 0 if language is Language.VI else 1
    if not any(step.lamps or step.sound for step in pattern.steps):
        return ("tắt hẳn, không tiếng", "dark and silent")[place]
    lit = [
        (
            " + ".join(_LAMPS[lamp][place] for lamp in Lamp if lamp in lamps) or ("tắt", "dark")[place],
            sum(step.duration_ms for step in steps),
        )
        for lamps, steps in groupby(pattern.steps, lambda step: step.lamps)
    ]
    words = lit[0][0] if pattern.is_state and len(lit) == 1 else _told([f"{name} {_seconds(ms, language)}" for name, ms in lit])
    if pattern.is_state:
        return words + ((", sáng liên tục", ", steady")[place] if len(lit) == 1 else (", lặp lại", ", again and again")[place])
    words = f"({words}) × {pattern.repeats}" if pattern.repeats > 1 else words
    beeps = sum(step.sound for step in pattern.steps) * pattern.repeats
    return f"{words}; {beeps} " + ("tiếng bíp" if language is Language.VI else f"beep{'' if beeps == 1 else 's'}")


def _told(steps: list[str]) -> str:
    """Steps in their order, a pair that comes again at once with how often.

    Example:
        >>> _told(["red", "dark", "red", "dark", "green"])
        '(red – dark) × 2 – green'
    """
    told: list[str] = []
    while steps:
        pair, times = steps[:2], 1
        while len(pair) == 2 and steps[2 * times : 2 * times + 2] == pair:
            times += 1
        told.append(f"({' – '.join(pair)}) × {times}" if times > 1 else steps[0])
        steps = steps[2 * times :] if times > 1 else steps[1:]
    return " – ".join(told)


def _seconds(ms: int, language: Language) -> str:
    number = f"{ms / 1000:g}"
    return (number.replace(".", ",") if language is Language.VI else number) + " s"
