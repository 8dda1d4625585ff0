"""Every word of the page, in Vietnamese and in English. A word that is missing in one of them is an error when this is imported."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

LANGUAGES = ("vi", "en")
_VIETNAM = timezone(timedelta(hours=7))
_WORDS: Mapping[str, tuple[str, str]] = {
    "language": ("Tiếng Việt", "English"),
    "title": ("Trạm quét mã", "Gate station"),
    "offline": ("Chỉ trong mạng của điểm này · không cần Internet", "On this site's network only · needs no internet"),
    "menu": ("Các trang", "Pages"),
    "skip": ("Đến nội dung", "Skip to content"),
    "leave": ("Thoát", "Leave"),
    "page.gate": ("Cổng", "Gate"),
    "page.paper": ("Khai giấy", "Paper"),
    "page.health": ("Thiết bị", "Device"),
    "page.reader": ("Thử đọc", "Reader"),
    # ── the PIN ──
    "pin.title": ("Nhập mã PIN", "Enter the PIN"),
    "pin.label": ("Mã PIN của trạm (8 chữ số)", "The station's PIN (8 digits)"),
    "pin.enter": ("Vào", "Enter"),
    "pin.wrong": ("Mã PIN không đúng.", "That is not the PIN."),
    "pin.wait": (
        "Nhập sai nhiều lần. Hãy chờ {seconds} giây rồi thử lại.",
        "Too many wrong tries. Wait {seconds} seconds, then try again.",
    ),
    "pin.none": (
        "Chưa có mã PIN. Người lắp đặt chạy: gate-agent station pin",
        "There is no PIN yet. The installer runs: gate-agent station pin",
    ),
    "pin.forgot": ("Quên mã PIN? Người lắp đặt tạo mã mới trên thiết bị.", "PIN forgotten? The installer makes a new one on the device."),
    # ── the gate ──
    "gate.title": ("Người qua cổng", "People at the gate"),
    "gate.inside": ("Đang ở trong", "Inside now"),
    "gate.in": ("Đã vào", "Came in"),
    "gate.out": ("Đã ra", "Went out"),
    "gate.open": ("Cổng đang mở", "The gate is open"),
    "gate.closed": ("Cổng đóng theo lệnh", "Closed by command"),
    "gate.out-of-hours": ("Ngoài giờ mở cửa", "Outside opening hours"),
    "gate.not-enrolled": ("Chưa đăng ký với tỉnh", "Not enrolled with the province yet"),
    "gate.unknown": ("Cổng: {state}", "Gate: {state}"),
    "gate.silent": ("Chương trình đọc không trả lời", "The reader's program does not answer"),
    "gate.last": ("Lượt gần đây", "Last passages"),
    "gate.nobody": ("Chưa có lượt nào trong 15 phút qua.", "Nobody in the last 15 minutes."),
    "gate.masked": (
        "Tên và số được che. Không lưu trên điện thoại hay trên máy.",
        "Names and numbers are masked. Kept neither on the phone nor on the device.",
    ),
    "gate.asks": ("cần xem", "look"),
    "gate.lost": ("Mất kết nối với thiết bị, đang thử lại…", "No connection to the device, trying again…"),
    "way.in": ("Vào", "In"),
    "way.out": ("Ra", "Out"),
    "method.paper": ("giấy", "paper"),
    # ── the paper form ──
    "paper.title": ("Khai báo bằng giấy", "Paper declaration"),
    "paper.lead": (
        "Cho người không có mã QR. Thông tin được niêm phong ngay trên thiết bị; trang này không lưu lại.",
        "For people without a QR code. What you type is sealed on the device at once; this page keeps nothing.",
    ),
    "paper.way": ("Làn và hướng", "Lane and direction"),
    "paper.name": ("Họ và tên", "Full name"),
    "paper.id_number": ("Số CCCD, CMND hoặc hộ chiếu", "Citizen ID, old ID or passport number"),
    "paper.birth_date": ("Ngày sinh", "Date of birth"),
    "paper.birth_date.hint": ("ngày/tháng/năm, ví dụ 15/03/1999; hoặc chỉ năm", "day/month/year, such as 15/03/1999; or the year alone"),
    "paper.sex": ("Giới tính", "Sex"),
    "paper.male": ("Nam", "Male"),
    "paper.female": ("Nữ", "Female"),
    "paper.unsaid": ("Không ghi", "Not said"),
    "paper.phone": ("Số điện thoại", "Phone number"),
    "paper.card_number": ("Số thẻ BHYT", "Health insurance card number"),
    "paper.optional": ("không bắt buộc", "optional"),
    "paper.send": ("Ghi nhận", "Record"),
    "paper.again": ("Khai người tiếp theo", "Declare the next person"),
    "paper.accepted": ("Đã ghi nhận và niêm phong.", "Recorded and sealed."),
    "paper.no-pass": ("Hãy xem giấy tờ sức khỏe của người này.", "Look at this person's health papers."),
    "paper.repeat": (
        "Người này vừa được ghi nhận rồi. Không ghi lần thứ hai.",
        "This person was recorded a moment ago. No second entry was made.",
    ),
    "paper.silent": (
        "Chương trình đọc không trả lời: lúc này chưa khai được.",
        "The reader's program does not answer: nobody can be declared now.",
    ),
    "paper.unanswered": (
        "Chưa rõ đã ghi hay chưa. Nhấn “Ghi nhận” lần nữa: không sót ai; chỉ khi máy vừa khởi động lại thì mới bị ghi hai lần.",
        "Not known whether it was recorded. Press “Record” again: nobody is lost; only a device that restarted just then records twice.",
    ),
    "warning.sex-mismatch": (
        "Hãy so lại với giấy tờ: theo số này thì giới tính khác. Đã ghi đúng như đã nhập.",
        "Compare with the document: the number says another sex. Recorded as typed.",
    ),
    "warning.year-mismatch": (
        "Hãy so lại với giấy tờ: theo số này thì năm sinh khác. Đã ghi đúng như đã nhập.",
        "Compare with the document: the number says another year of birth. Recorded as typed.",
    ),
    "warning.province-unknown": (
        "Hãy so lại với giấy tờ: ba chữ số đầu không của tỉnh nào. Đã ghi đúng như đã nhập.",
        "Compare with the document: the number's first three digits are of no province. Recorded as typed.",
    ),
    "refused.not-sent": (
        "Chưa gửi: chương trình đọc không trả lời. Chờ một lát rồi nhấn “Ghi nhận” lần nữa.",
        "Not sent: the reader's program does not answer. Wait a moment, then press “Record” again.",
    ),
    "refused.fields": ("Chưa ghi. Hãy sửa các ô được đánh dấu.", "Not recorded. Mend the marked fields."),
    "refused.ref-used": (
        "Chưa ghi: tờ khai này đã dùng cho người khác. Hãy bắt đầu tờ khai mới.",
        "Not recorded: this form was used for somebody else. Begin a new one.",
    ),
    "refused.busy": ("Chưa ghi: thiết bị đang bận. Nhấn “Ghi nhận” lần nữa.", "Not recorded: the device is busy. Press “Record” again."),
    "refused.closed": ("Không ghi: cổng đang đóng.", "Not recorded: the gate is closed."),
    "refused.passback": ("Không ghi: người này đã vào mà chưa ra.", "Not recorded: this person came in and has not gone out."),
    "refused.outbox-full": (
        "Không ghi: bộ nhớ chờ gửi đã đầy. Hãy báo kỹ thuật.",
        "Not recorded: the outbox is full. Call the technician.",
    ),
    "refused.not-recorded": (
        "Không ghi: thiết bị không lưu được. Hãy báo kỹ thuật.",
        "Not recorded: the device cannot store. Call the technician.",
    ),
    "refused.not-understood": (
        "Không ghi: thiết bị chưa sẵn sàng nhận khai báo.",
        "Not recorded: the device does not take declarations now.",
    ),
    "refused.stale": (
        "Chưa ghi: trang đã cũ. Hãy nhấn “Ghi nhận” lần nữa.",
        "Not recorded: the page was out of date. Press “Record” again.",
    ),
    "refused.unexpected": ("Chưa ghi: lỗi không rõ. Hãy thử lại.", "Not recorded: unexpected trouble. Try again."),
    "problem.missing": ("Hãy điền ô này.", "Fill this in."),
    "problem.wrong": ("Chưa đúng, hãy xem lại.", "Not right, look again."),
    "problem.in-the-future": ("Ngày ở tương lai.", "A day in the future."),
    # ── health ──
    "health.title": ("Tình trạng thiết bị", "How the device is"),
    "health.well": ("Mọi thứ hoạt động tốt", "Everything works"),
    "health.trouble": ("Có việc cần xem: {count}", "To look at: {count}"),
    "health.good": ("tốt", "good"),
    "health.look": ("cần xem", "look"),
    "health.lane": ("Làn {name}", "Lane {name}"),
    "source.working": ("đọc được", "reads"),
    "source.fault": ("không đọc: kiểm tra dây và đầu đọc", "does not read: check cable and reader"),
    "source.ended": ("đã dừng", "has ended"),
    "source.opening": ("đang khởi động", "is starting"),
    "source.unknown": ("không rõ", "not known"),
    "health.firmware": ("Chương trình đọc", "Reader's program"),
    "health.firmware.yes": ("đang chạy", "running"),
    "health.firmware.no": ("không chạy", "not running"),
    "health.clock": ("Đồng hồ", "Clock"),
    "clock.synchronised": ("đúng giờ", "set by the network"),
    "clock.rtc": ("đúng giờ (pin)", "set by its battery clock"),
    "clock.unknown": ("chưa chắc đúng; lượt vẫn được ghi", "not sure; passages are recorded all the same"),
    "health.outbox": ("Chờ gửi về tỉnh", "Waiting for the province"),
    "health.waiting": ("{count} lượt ({percent} % bộ nhớ)", "{count} entries ({percent} % of the room)"),
    "health.waiting.unknown": ("không đọc được", "cannot be read"),
    "health.province": ("Nối với tỉnh", "Province"),
    "health.connected": ("đã nối", "connected"),
    "health.apart": ("chưa nối; lượt chờ trên máy, không mất", "not connected; entries wait here, none is lost"),
    "health.device": ("Tên thiết bị", "Its name"),
    "health.nobodys": ("chưa đăng ký", "not enrolled"),
    "health.lights": ("Đèn, màn hình, thanh chắn", "Lights, display, barrier"),
    "health.last": ("đọc lần cuối {at}", "last code {at}"),
    "health.software": ("Phần mềm", "Software"),
    "health.up": ("{version}, chạy {hours} giờ", "{version}, up {hours} hours"),
    "outbox.nearly-full": ("sắp đầy", "nearly full"),
    "outbox.full": ("đầy: không ghi thêm được", "full: nobody more is recorded"),
    "outbox.broken": ("hỏng: không ghi được", "broken: nobody is recorded"),
    "outbox.not-signed": ("chìa khóa ký vắng mặt: không ghi được", "the signing key is away: nobody is recorded"),
    # ── reader test ──
    "reader.title": ("Thử đầu đọc", "Reader test"),
    "reader.lead": (
        "Trong 20 giây, mã đưa vào làn này chỉ để thử: không ghi nhận ai, không mở cổng.",
        "For 20 seconds, codes shown at this lane are a test: nobody is recorded, no gate opens.",
    ),
    "reader.begin": ("Bắt đầu thử", "Begin the test"),
    "reader.listening": ("Đang chờ mã ở làn {lane}: đưa mã vào đầu đọc.", "Waiting for codes at lane {lane}: show one to the reader."),
    "reader.over": ("Đã thử xong làn {lane}.", "The test of lane {lane} is over."),
    "reader.nothing": ("Chưa đọc được mã nào.", "No code was read."),
    "reader.read": ("Các mã đã đọc (không ghi nội dung)", "Codes read (not what they say)"),
    "reader.took": ("{ms} ms", "{ms} ms"),
    "reader.refused": ("Không thử được lúc này ({why}).", "No test is possible now ({why})."),
    "why.busy": ("đang thử ở nơi khác", "another test is on"),
    "why.often": ("vừa thử nhiều lần: chờ vài phút", "tested often just now: wait a few minutes"),
    "why.lane": ("không có làn này", "there is no such lane"),
    "why.no-answer": ("chương trình đọc không trả lời", "the reader's program does not answer"),
    "why.not-understood": ("chưa sẵn sàng", "it is not ready"),
    "why.seconds": ("thời gian không hợp lệ", "the time is not allowed"),
    "kind.person-code": ("Mã cá nhân", "Personal code"),
    "kind.test-code": ("Mã thử", "Test code"),
    "kind.other": ("Mã khác", "Another code"),
    "scheme.national": ("mã quốc gia", "national code"),
    "scheme.cccd": ("CCCD", "citizen ID card"),
    "scheme.bhyt": ("thẻ BHYT", "health insurance card"),
    # ── what went wrong ──
    "error.title": ("Không được", "That did not work"),
    "error.404": ("Không có trang này.", "There is no such page."),
    "error.400": ("Yêu cầu không hợp lệ.", "That request is not allowed."),
    "error.403": ("Trang đã cũ hoặc đến từ nơi khác. Hãy mở lại trang.", "The page was out of date or came from elsewhere. Open it again."),
    "error.413": ("Gửi quá nhiều.", "Too much was sent."),
    "error.500": ("Trang gặp lỗi. Cổng vẫn làm việc.", "The page has met an error. The gate goes on."),
    "error.back": ("Về trang cổng", "To the gate's page"),
}
if _incomplete := [key for key, said in _WORDS.items() if not all(said)]:
    raise ValueError(f"no words for {', '.join(_incomplete)}")


def clock_text(at_s: float) -> str:
    """A moment (seconds since 1970) as a clock in Vietnam shows it.

    Example:
        >>> clock_text(1_634_000_000)
        '07:53:20'
    """
    return datetime.fromtimestamp(at_s, _VIETNAM).strftime("%H:%M:%S")


class Words:
    """The words of one language.

    Args:
        language: `vi` or `en`.

    Example:
        >>> Words("en").say("health.trouble", count=2), Words("vi").say("source.no-such", "source.unknown")
        ('To look at: 2', 'không rõ')
    """

    def __init__(self, language: str) -> None:
        place = LANGUAGES.index(language)
        self.language = language
        self._of: Mapping[str, str] = MappingProxyType({key: said[place] for key, said in _WORDS.items()})

    def say(self, key: str, otherwise: str = "", **values: object) -> str:
        """A word.

        Args:
            key: its name; may be made of something from outside.
            otherwise: the name of the word where there is none of that key.
            values: put into it.
        """
        word = self._of.get(key)
        return (self._of[otherwise or key] if word is None else word).format(**values)

    def raw(self, key: str) -> str:
        """A word with the places of its values."""
        return self._of[key]

    def has(self, key: str) -> bool:
        """Whether there is such a word."""
        return key in self._of


WORDS: Mapping[str, Words] = MappingProxyType({language: Words(language) for language in LANGUAGES})
