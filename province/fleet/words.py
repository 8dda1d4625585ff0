"""Every word of the page and the terminal, in Vietnamese and in English. A word that is missing in one of them is an error at the import.

What `fleet_rules` says of a trouble is English, with numbers in it; `of_trouble` says the same in Vietnamese.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from province.fleet.device_words import ANSWERS, REASONS
from province.web.languages import LANGUAGES

_WORDS: Mapping[str, tuple[str, str]] = {
    "language": ("Tiếng Việt", "English"),
    "title": ("Đội máy quét", "Scanner fleet"),
    "menu": ("Các trang", "Pages"),
    "skip": ("Đến nội dung", "Skip to content"),
    "leave": ("Thoát", "Leave"),
    "staff": ("toàn tỉnh", "whole province"),
    "page.fleet": ("Máy quét", "Scanners"),
    "page.alerts": ("Cảnh báo", "Alerts"),
    "lost": ("Mất kết nối với máy chủ, đang thử lại…", "No connection to the server, trying again…"),
    "quiet": (
        "Từ {time} không nhận được gì từ máy nào. Dịch vụ theo dõi (gate-province watch) có đang chạy không?",
        "Nothing has come from any scanner since {time}. Is gate-province watch running?",
    ),
    "privacy": ("Chỉ số đếm và trạng thái; không có dữ liệu của người nào.", "Counts and states only; nobody's data."),
    # ── coming in ──
    "login.title": ("Đăng nhập", "Log in"),
    "login.name": ("Tên người vận hành hoặc số điện thoại", "Operator's name or phone number"),
    "login.password": ("Mật khẩu", "Password"),
    "login.code": ("Mã của bước thứ hai, nếu đã thiết lập", "Code of the second step, where it is set up"),
    "login.enter": ("Vào", "Enter"),
    "login.wrong": ("Tên, mật khẩu hoặc mã không đúng.", "Name, password or code is not right."),
    "login.wait": ("Nhập sai nhiều lần. Hãy chờ {seconds} giây.", "Too many wrong tries. Wait {seconds} seconds."),
    "login.forgot": (
        "Quên mật khẩu? Quản trị của tỉnh tạo mới: gate-province login password",
        "Password forgotten? The province's administrator makes a new one: gate-province login password",
    ),
    # ── states ──
    "state.alarm": ("Báo động", "Alarm"),
    "state.offline": ("Mất liên lạc", "Offline"),
    "state.trouble": ("Có sự cố", "Trouble"),
    "state.shut": ("Đang đóng", "Not open"),
    "state.well": ("Tốt", "Well"),
    "state.all": ("Tất cả", "All"),
    "gate.open": ("mở", "open"),
    "gate.closed": ("đóng theo lệnh", "closed by command"),
    "gate.out-of-hours": ("ngoài giờ", "out of hours"),
    "gate.not-enrolled": ("chưa đăng ký", "not enrolled"),
    "gate.down": ("chương trình không trả lời", "program does not answer"),
    "trouble.fork": ("Nhật ký bị tách đôi", "Forked log"),
    "trouble.gap": ("Thiếu lượt", "Missing entries"),
    "trouble.offline": ("Mất liên lạc", "Offline"),
    "trouble.firmware": ("Chương trình cổng", "Gate program"),
    "trouble.source": ("Camera, đầu đọc", "Camera or reader"),
    "trouble.backlog": ("Tồn đọng", "Backlog"),
    "trouble.disk": ("Thẻ nhớ", "Disk"),
    "trouble.power": ("Nguồn điện", "Power"),
    "trouble.heat": ("Nhiệt độ", "Heat"),
    "trouble.clock": ("Đồng hồ", "Clock"),
    "trouble.certificate": ("Chứng thư", "Certificate"),
    "trouble.part": ("Đèn, linh kiện", "Light or part"),
    "trouble.silent": ("Không ai quét", "Nobody scans"),
    "trouble.tested": ("Thử đầu đọc", "Reader tests"),
    # ── the list ──
    "fleet.title": ("Máy quét", "Scanners"),
    "fleet.state": ("Tình trạng", "State"),
    "fleet.device": ("Máy", "Scanner"),
    "fleet.site": ("Địa điểm", "Site"),
    "fleet.look": ("Cần xem", "Look at"),
    "fleet.waiting": ("Chờ gửi", "Waiting"),
    "fleet.today": ("Hôm nay", "Today"),
    "fleet.warm": ("Nhiệt", "Temp."),
    "fleet.heard": ("Nghe lúc", "Heard at"),
    "fleet.search": ("Tìm tên, địa điểm, phiên bản", "Find name, site, release"),
    "fleet.order": ("Sắp xếp", "Order"),
    "fleet.show": ("Lọc", "Filter"),
    "fleet.clear": ("Bỏ lọc", "Clear"),
    "fleet.export": ("Tải bảng (CSV)", "Download (CSV)"),
    "fleet.count": ("{found} máy", "{found} scanners"),
    "fleet.none": ("Không có máy nào như vậy.", "There is no such scanner."),
    "fleet.page": ("Trang {page} / {pages}", "Page {page} of {pages}"),
    "fleet.before": ("Trước", "Previous"),
    "fleet.after": ("Sau", "Next"),
    "fleet.filtered": ("Chỉ: {what}", "Only: {what}"),
    "fleet.never": ("chưa bao giờ", "never"),
    "order.state": ("cần xem trước", "worst first"),
    "order.name": ("tên máy", "name"),
    "order.site": ("địa điểm", "site"),
    "order.heard": ("lâu chưa nghe", "longest unheard"),
    "order.waiting": ("tồn đọng nhiều", "most waiting"),
    # ── a device ──
    "device.alerts": ("Cảnh báo của máy này", "Its alerts"),
    "device.now": ("Hiện tại", "Now"),
    "device.day": ("24 giờ qua", "Last 24 hours"),
    "device.table": ("Bảng số theo giờ", "The numbers by hour"),
    "device.hour": ("Giờ", "Hour"),
    "device.nothing": ("Chưa có số liệu.", "Nothing was told yet."),
    "device.commands": ("Lệnh", "Commands"),
    "device.orders": ("Lệnh đã gửi", "Commands sent"),
    "device.no_commands": (
        "Tài khoản này chỉ xem, không gửi lệnh. Máy chủ cấp quyền bằng: gate-province login add … --commands",
        "This account looks and sends no commands. The right is given by: gate-province login add … --commands",
    ),
    "fact.gate": ("Cổng", "Gate"),
    "fact.software": ("Phiên bản", "Release"),
    "fact.board": ("Bo mạch", "Board"),
    "fact.uptime": ("Đã chạy", "Up for"),
    "fact.clock": ("Đồng hồ", "Clock"),
    "fact.network": ("Mạng", "Network"),
    "fact.outbox": ("Chờ gửi", "Waiting to be sent"),
    "fact.today": ("Lượt hôm nay", "Entries today"),
    "fact.scanned": ("Người quét gần nhất", "Last scan"),
    "fact.inside": ("Đang ở trong", "Inside"),
    "fact.cpu": ("Bộ xử lý", "Processor"),
    "fact.memory": ("Bộ nhớ trống", "Memory free"),
    "fact.disk": ("Thẻ nhớ trống", "Disk free"),
    "fact.power": ("Nguồn điện", "Power"),
    "fact.sources": ("Camera, đầu đọc", "Cameras, readers"),
    "fact.answers": ("Trả lời từ lúc chạy", "Answers since start"),
    "fact.restarts": ("Khởi động lại", "Restarts"),
    "fact.certificate": ("Chứng thư còn", "Certificate ends in"),
    "fact.head": ("Đầu nhật ký", "Log head"),
    "fact.position": ("Vị trí (±200 m)", "Position (±200 m)"),
    "fact.refused": ("Bị từ chối", "Refused"),
    "days": ("{count} ngày", "{count} days"),
    "power.good": ("tốt", "good"),
    "clock.synchronised": ("đúng giờ mạng", "set by the network"),
    "clock.rtc": ("theo pin đồng hồ", "by its battery clock"),
    "clock.unknown": ("không biết giờ", "knows no time"),
    "network.ethernet": ("dây mạng", "cable"),
    "network.wifi": ("Wi-Fi", "Wi-Fi"),
    "network.mobile": ("di động", "mobile"),
    "network.other": ("khác", "other"),
    "network.none": ("không có", "none"),
    "source.opening": ("đang mở", "opening"),
    "source.working": ("hoạt động", "working"),
    "source.fault": ("hỏng", "fault"),
    "source.ended": ("đã dừng", "ended"),
    "waiting.age": ("{count}, cũ nhất {age}", "{count}, the oldest {age}"),
    "chart.waiting": ("Lượt chờ gửi", "Entries waiting"),
    "chart.entries": ("Lượt mỗi 5 phút", "Entries per 5 min"),
    "chart.temperature": ("Nhiệt độ bộ xử lý", "Processor temperature"),
    "chart.decode": ("Giải mã chậm nhất (p95)", "Decoding, slowest p95"),
    "chart.signal": ("Sóng", "Signal"),
    "chart.busy": ("Bộ xử lý bận", "Processor busy"),
    "chart.memory": ("Bộ nhớ trống", "Memory free"),
    "chart.frames": ("Khung hình, ít nhất", "Frames, fewest"),
    "chart.says": (
        "{title}: {count} lần đo, thấp nhất {low}, cao nhất {high}, cuối {last}",
        "{title}: {count} values, lowest {low}, highest {high}, last {last}",
    ),
    # ── alerts ──
    "alerts.title": ("Cảnh báo", "Alerts"),
    "alerts.open": ("Đang có", "Open"),
    "alerts.history": ("30 ngày qua", "Last 30 days"),
    "alerts.none": ("Không có cảnh báo.", "No alerts."),
    "alerts.since": ("từ {time}", "since {time}"),
    "alerts.until": ("{start} – {end}", "{start} – {end}"),
    "alerts.take": ("Nhận xử lý", "Acknowledge"),
    "alerts.taken": ("{by} nhận lúc {time}", "{by} took it on at {time}"),
    "alerts.note": ("Ghi chú (không ghi thông tin cá nhân)", "Note (nobody's personal data)"),
    "alerts.confirm": ("Nhận xử lý cảnh báo này?", "Take this alert on?"),
    "alerts.gone": (
        "Cảnh báo này đã có người nhận, hoặc không còn nữa.",
        "Somebody has taken this alert on already, or it is no more.",
    ),
    "alerts.back": ("Quay lại", "Back"),
    "alerts.new": ("{count} chưa ai nhận", "{count} not acknowledged"),
    "mail.subject": ("{raised} cảnh báo mới, {over} đã hết", "{raised} new alerts, {over} over"),
    # ── commands ──
    "order.confirm": ("Gửi lệnh này?", "Send this command?"),
    "order.send": ("Gửi lệnh", "Send"),
    "order.reason": ("Lý do (vào nhật ký kiểm tra)", "Reason (goes into the audit log)"),
    "order.cancel": ("Không gửi", "Do not send"),
    "order.yes": ("Đồng ý", "yes"),
    "order.no": ("Thôi", "no"),
    "order.none": ("Ở đây không gửi được lệnh.", "No commands can be sent from here."),
    "order.by": ("{by}, {time}", "{by}, {time}"),
    "order.sent": ("đã gửi, chờ máy trả lời", "on its way"),
    "order.accepted": ("máy đã nhận", "accepted"),
    "order.running": ("đang làm", "running"),
    "order.successful": ("đã làm xong", "done"),
    "order.failed": ("không làm được", "failed"),
    "order.refused": ("máy từ chối", "refused"),
    "order.unknown": ("không rõ kết quả", "its end is not known"),
    "order.offline": (
        "Máy đang mất liên lạc: lệnh chờ 10 phút, sau đó không còn hiệu lực.",
        "The scanner is offline: the command waits for ten minutes, then it is void.",
    ),
    "do.identify": ("Nháy đèn tìm máy", "Blink its light"),
    "do.test-pattern": ("Thử mọi đèn và âm", "Show every answer"),
    "do.open": ("Mở cổng", "Open the gate"),
    "do.close": ("Đóng cổng", "Close the gate"),
    "do.setup": ("Nhận vé đăng ký", "Take an enrolment ticket"),
    "do.restart-firmware": ("Khởi động lại chương trình cổng", "Restart the gate program"),
    "do.restart-agent": ("Khởi động lại chương trình gửi", "Restart the agent"),
    "do.restart-device": ("Khởi động lại máy", "Restart the device"),
    "do.rotate-keys": ("Đổi khóa TLS", "Change its TLS key"),
    "do.diagnostics": ("Lấy tệp chẩn đoán", "Collect diagnostics"),
    "what.identify": ("Đèn của máy nháy để tìm đúng máy. Cổng vẫn làm việc.", "Its light blinks so that it is found. The gate goes on."),
    "what.test-pattern": ("Chiếu lần lượt mọi đèn và âm. Chỉ khi cổng đang đóng.", "Shows every light and sound. Only on a closed gate."),
    "what.open": ("Cổng lại nhận người.", "The gate takes people again."),
    "what.close": (
        "Không ai vào được cho đến khi mở lại; người ra vẫn được ghi.",
        "Nobody comes in until it is opened; who leaves is recorded.",
    ),
    "what.setup": ("Trong 10 phút máy nhận vé đăng ký quét ở cổng.", "For ten minutes it obeys an enrolment ticket scanned at the gate."),
    "what.restart-firmware": (
        "Cổng không quét trong khoảng 10 giây. Không mất lượt nào.",
        "The gate does not scan for about 10 s. No entry is lost.",
    ),
    "what.restart-agent": ("Cổng vẫn quét; việc gửi dừng vài giây.", "The gate goes on; sending stops for seconds."),
    "what.restart-device": (
        "Cổng không quét trong 1–2 phút. Không mất lượt nào.",
        "The gate does not scan for 1–2 minutes. No entry is lost.",
    ),
    "what.rotate-keys": ("Máy tạo khóa kết nối mới và xin chứng thư.", "It makes a new connection key and asks for its certificate."),
    "what.diagnostics": (
        "Máy gửi tệp chẩn đoán, niêm phong cho tỉnh. Mở bằng dòng lệnh.",
        "It sends a diagnosis, sealed to the province. Opened on the command line.",
    ),
    # ── errors ──
    "error.400": ("Yêu cầu không hợp lệ.", "That request is not valid."),
    "error.403": (
        "Biểu mẫu đã cũ hoặc không được phép. Mở lại trang và thử lần nữa.",
        "The form is old or this is not allowed. Open the page again.",
    ),
    "error.404": ("Không có trang hoặc máy này.", "There is no such page or scanner."),
    "error.413": ("Yêu cầu quá dài.", "That request is too long."),
    "error.429": ("Quá nhiều yêu cầu. Chờ một chút.", "Too many requests. Wait a moment."),
    "error.500": ("Máy chủ gặp lỗi; đã ghi vào nhật ký.", "The server failed; it is in its log."),
    "error.503": ("Bây giờ chưa làm được: {why}", "Not possible now: {why}"),
    "error.back": ("Về danh sách", "To the list"),
}
_VIETNAMESE: tuple[tuple[str, str], ...] = (
    (r"has never been heard", "chưa bao giờ liên lạc"),
    (r"was stopped", "đã được tắt"),
    (r"its connection was lost", "mất kết nối"),
    (r"connected, and silent for (\d+) min", "có kết nối nhưng im lặng {0} phút"),
    (r"(\d+) numbers came with two entries: a copied card, or a stolen key", "{0} số có hai lượt khác nhau: thẻ bị chép hoặc khóa bị lấy"),
    (r"(\d+) entries are missing between others", "thiếu {0} lượt ở giữa"),
    (r"its log went back from number (\d+) to (\d+): a copied or restored card", "nhật ký lùi từ {0} về {1}: thẻ bị chép hoặc khôi phục"),
    (r"its entry (\d+) is another than the one that came", "lượt số {0} khác với lượt đã nhận"),
    (r"it signed for (\d+) entries, has none waiting, and (\d+) have come", "đã ký {0} lượt, không còn chờ, mới nhận {1}"),
    (r"gate-firmware does not answer: nobody can scan", "chương trình cổng không trả lời: không ai quét được"),
    (r"(.+): does not work", "{0}: không hoạt động"),
    (r"(.+): brings no pictures", "{0}: không có hình"),
    (r"(\d+) of its lights, contacts and other parts do not work", "{0} đèn, công tắc hoặc linh kiện không hoạt động"),
    (r"the room for entries is (\d+) % full", "chỗ chứa đầy {0} %"),
    (r"(\d+) entries wait, the oldest for (\d+) min", "{0} lượt chờ gửi, cũ nhất {1} phút"),
    (r"nobody has scanned for (\d+) h", "không ai quét đã {0} giờ"),
    (
        r"readers were tested for (\d+) min of the last hour, which recorded nobody: a stolen PIN\?",
        "giờ qua đầu đọc bị thử {0} phút, lúc đó không ghi ai: mã PIN bị lộ?",
    ),
    (r"(\d+) MB are free", "còn trống {0} MB"),
    (r"its file system has met (\d+) errors", "hệ thống tệp gặp {0} lỗi"),
    (r"it is nearly worn out", "thẻ nhớ sắp hết tuổi thọ"),
    (r"it does not know the time", "không biết giờ"),
    (r"its clock is (\d+) s off", "đồng hồ lệch {0} giây"),
    (r"ends in (-?\d+) days", "còn {0} ngày"),
    (r"has ended", "đã hết hạn"),
    (r"too little voltage", "điện áp thấp"),
    (r"processor speed capped", "bộ xử lý bị giới hạn tốc độ"),
    (r"slowed down", "bộ xử lý chạy chậm lại"),
    (r"at the temperature limit", "đến giới hạn nhiệt"),
    (r"(-?\d+) °C", "{0} °C"),
)


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words."""

    language: str
    _of: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """A word with its values filled in.

        Raises:
            KeyError: there is no such word.
        """
        return self._of[key].format(**values) if values else self._of[key]

    def of_reason(self, code: str) -> str:
        """Why a command was refused or came to nothing; the code itself where a later release says it.

        Example:
            >>> WORDS["vi"].of_reason("no-room"), WORDS["en"].of_reason("of-tomorrow")
            ('thẻ nhớ không đủ chỗ', 'of-tomorrow')
        """
        return self._of_code(REASONS, code)

    def of_answer(self, kind: str) -> str:
        """How a scanner answered somebody; the code itself where a later release says it."""
        return self._of_code(ANSWERS, kind)

    def _of_code(self, codes: Mapping[str, tuple[str, str]], code: str) -> str:
        return codes[code][LANGUAGES.index(self.language)] if code in codes else code

    def of_trouble(self, said: str) -> str:
        """What `fleet_rules` said, in this language; as it was said where it says something new.

        Example:
            >>> WORDS["vi"].of_trouble("its clock is 300 s off")
            'đồng hồ lệch 300 giây'
        """
        if self.language == "en":
            return said
        whole = _translated(said)
        return whole or ", ".join(_translated(part) or part for part in said.split(", "))


def _translated(said: str) -> str:
    for pattern, translated in _VIETNAMESE:
        if (found := re.fullmatch(pattern, said)) is not None:
            return translated.format(*found.groups())
    return ""


def _words(place: int) -> Words:
    return Words(LANGUAGES[place], MappingProxyType({key: both[place] for key, both in _WORDS.items()}))


WORDS: Mapping[str, Words] = MappingProxyType({language: _words(place) for place, language in enumerate(LANGUAGES)})
