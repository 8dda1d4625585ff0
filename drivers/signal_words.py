"""What each signal is called in Vietnamese and English, and its shape: one sign, so that nothing hangs on colour."""

from __future__ import annotations

from drivers.indicator import Signal

_WORDS = {
    Signal.STARTING: ("…", "Đang khởi động", "starting"),
    Signal.WAITING: ("☐", "Chưa đăng ký, xin đưa vé", "not enrolled, show a ticket"),
    Signal.WAITING_WITH_FAULT: ("⚑", "Chưa đăng ký, có bộ phận hỏng", "not enrolled, a part is at fault"),
    Signal.READY: ("○", "Sẵn sàng, mời đưa mã", "ready"),
    Signal.ATTENTION: ("▲", "Vẫn quét được, cần người xem máy", "attention"),
    Signal.SHUT: ("⊘", "Đang đóng cửa", "shut"),
    Signal.FAULT: ("■", "Máy hỏng, chưa quét được", "fault"),
    Signal.FULL: ("█", "Bộ nhớ đầy, ngừng quét", "full"),
    Signal.CLOSED: ("—", "Cổng đóng", "closed"),
    Signal.ACCEPTED: ("✔", "MỜI QUA", "accepted"),
    Signal.ACCEPTED_ASK: ("◆", "Đã ghi, xin gặp người trực", "recorded, see the keeper"),
    Signal.ALREADY: ("↺", "Vừa quét rồi, mời qua", "already"),
    Signal.ASK_KEEPER: ("☎", "Xin gặp người trực", "ask the keeper"),
    Signal.NOT_OPEN: ("⊖", "Chưa mở cửa, mời quay lại sau", "not open"),
    Signal.PASS_SEEN: ("½", "Đã xem giấy, mời đưa mã cá nhân", "pass seen, now your code"),
    Signal.PASS_NOT_VALID: ("!", "Giấy chứng nhận không có hiệu lực", "pass not valid"),
    Signal.NOT_A_PERSON_CODE: ("?", "Không phải mã QR cá nhân", "not a person code"),
    Signal.CLOSER: ("↓", "Đưa mã lại gần hơn", "closer"),
    Signal.HOLD_STILL: ("‖", "Giữ yên mã", "hold still"),
    Signal.UNREADABLE: ("≈", "Không đọc được, đưa lại mã", "unreadable"),
    Signal.REFUSED: ("✘", "Không ghi được, xin chờ", "refused"),
    Signal.TESTED: ("⚒", "Đang thử máy, CHƯA ghi", "a test, not recorded"),
    Signal.IDENTIFY: ("◎", "Máy này đây", "identify"),
    Signal.JOINED: ("★", "Đã đăng ký xong", "joined"),
    Signal.TICKET_REFUSED: ("∅", "Vé hết hạn hoặc đã dùng, xin vé mới", "ticket over, get another"),
    Signal.NOT_REACHED: ("⇅", "Không gọi được tỉnh, xem lại mạng", "province not reached"),
    Signal.TICKET_FOREIGN: ("≠", "Vé của tỉnh khác hoặc vé giả", "foreign or forged ticket"),
}


def shape_and_words(signal: Signal) -> tuple[str, str, str]:
    """A signal's shape (one sign), its Vietnamese and its English words.

    Example:
        >>> shape_and_words(Signal.ACCEPTED)
        ('✔', 'MỜI QUA', 'accepted')
    """
    return _WORDS[signal]
