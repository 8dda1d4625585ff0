"""The words of the frame, the login and one's own account, in Vietnamese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from province.web.languages import LANGUAGES, Language

_WORDS: Mapping[str, tuple[str, str]] = {
    "language": ("Tiếng Việt", "English"),
    "brand": ("Quản lý vào ra", "Entries and exits"),
    "menu": ("Các trang", "Pages"),
    "skip": ("Đến nội dung", "Skip to content"),
    "leave": ("Thoát", "Leave"),
    "lost": ("Mất kết nối với máy chủ, đang thử lại…", "No connection to the server, trying again…"),
    "privacy": (
        "Thông tin cá nhân chỉ hiện đầy đủ khi có quyền và được ghi lại.",
        "Personal data is shown in full by right alone, and each look is noted.",
    ),
    "role.keeper": ("Người giữ cổng", "Keeper"),
    "role.special": ("Điểm đặc biệt", "Special site"),
    "role.tracer": ("Cán bộ truy vết", "Tracing officer"),
    "role.reporter": ("Cán bộ báo cáo", "Reporter"),
    "role.operator": ("Người vận hành", "Operator"),
    "role.admin": ("Quản trị", "Administrator"),
    "headless": (
        "Đã có hiệu lực, nhưng nơi giữ khóa của tỉnh chưa ghi được. Hãy báo ngay cho người quản lý hệ thống của tỉnh.",
        "Done, and it counts; but the keystore could not be written. Tell whoever looks after the province's system now.",
    ),
    # ── coming in ──
    "login.title": ("Đăng nhập", "Log in"),
    "login.phone": ("Số điện thoại", "Phone number"),
    "login.password": ("Mật khẩu", "Password"),
    "login.enter": ("Vào", "Enter"),
    "login.wrong": ("Số điện thoại hoặc mật khẩu không đúng.", "Phone number or password is not right."),
    "login.wait": ("Nhập sai nhiều lần. Hãy chờ {seconds} giây.", "Too many wrong tries. Wait {seconds} seconds."),
    "login.forgot": (
        "Quên mật khẩu? Quản trị của tỉnh sẽ cấp mật khẩu mới.",
        "Password forgotten? The province's administrator gives a new one.",
    ),
    "login.text": ("{code} là mã đăng nhập của {province}. Không đưa cho ai.", "{code} is your code for {province}. Give it to nobody."),
    # ── the second step ──
    "code.title": ("Bước thứ hai", "The second step"),
    "code.app": (
        "Nhập sáu số mà ứng dụng xác thực trên điện thoại đang hiện, hoặc một mã dự phòng.",
        "Type the six digits that the authenticator app on your phone shows, or a recovery code.",
    ),
    "code.phone": ("Nhập sáu số vừa gửi đến điện thoại của bạn.", "Type the six digits that were sent to your phone."),
    "code.code": ("Mã", "Code"),
    "code.wrong": ("Mã không đúng hoặc đã dùng.", "The code is not right, or was used."),
    "code.send": ("Gửi mã đến điện thoại", "Send a code to the phone"),
    "code.sent": ("Đã gửi mã.", "The code is sent."),
    "code.not-sent": (
        "Chưa gửi được mã. Hãy thử lại sau ít phút, hoặc báo cho quản trị của tỉnh.",
        "The code could not be sent. Try again in some minutes, or tell the province's administrator.",
    ),
    "code.lost": ("Mất điện thoại? Quản trị của tỉnh sẽ đặt lại.", "Phone lost? The province's administrator sets it up anew."),
    "second.title": ("Bước đăng nhập thứ hai", "The second step of logging in"),
    "second.how": (
        "Quét mã này bằng một ứng dụng xác thực trên điện thoại (như FreeOTP), rồi nhập sáu số ứng dụng hiện ra.",
        "Scan this code with an authenticator app on your phone (such as FreeOTP), then type the six digits it shows.",
    ),
    "second.picture": ("Mã QR cho ứng dụng xác thực", "QR code for the authenticator app"),
    "second.type": ("Không quét được? Nhập khóa này vào ứng dụng:", "It cannot be scanned? Type this key into the app:"),
    "second.set": ("Xong", "Done"),
    "second.wrong": (
        "Sáu số này không đúng. Đồng hồ của điện thoại có đúng giờ không?",
        "These six digits are not right. Is your phone's clock right?",
    ),
    "second.codes": ("Mã dự phòng", "Recovery codes"),
    "second.done": ("Bước thứ hai đã được thiết lập.", "The second step is set up."),
    "second.paper": (
        "Ghi lại các mã này và cất ở nơi an toàn. Mỗi mã dùng được một lần khi không có điện thoại. Trang này không hiện lại.",
        "Write these codes down and keep them safe. Each lets you in once without the phone. They are not shown again.",
    ),
    "second.on": ("Tiếp tục", "Go on"),
    "second.there": (
        "Đã thiết lập trên điện thoại của bạn. Còn {count} mã dự phòng.",
        "It is set up on your phone. {count} recovery codes are left.",
    ),
    "second.again": ("Thiết lập lại", "Set it up anew"),
    "second.refused": ("Mật khẩu hoặc mã không đúng.", "Password or code is not right."),
    # ── one's own account ──
    "account.title": ("Tài khoản của tôi", "My account"),
    "account.role": ("Vai trò", "Role"),
    "account.id": ("Mã tài khoản", "Account"),
    "account.org": ("Cơ quan", "Organisation"),
    "account.unit": ("Địa bàn", "Area"),
    "account.sites": ("Địa điểm", "Sites"),
    "account.phones": ("Điện thoại", "Phone"),
    "account.password": ("Đổi mật khẩu", "Change the password"),
    "account.current": ("Mật khẩu hiện nay", "Current password"),
    "account.new": ("Mật khẩu mới (ít nhất {least} ký tự)", "New password (at least {least} characters)"),
    "account.again": ("Nhập lại mật khẩu mới", "New password again"),
    "account.change": ("Đổi", "Change"),
    "account.changed": ("Đã đổi mật khẩu. Các thiết bị khác đã bị thoát.", "The password is changed. All other devices are out."),
    "account.wrong.current": ("Mật khẩu hiện nay không đúng.", "The current password is not right."),
    "account.wrong.again": ("Hai lần nhập mật khẩu mới không giống nhau.", "The new password was typed in two ways."),
    "account.wrong.short": ("Mật khẩu mới quá ngắn.", "The new password is too short."),
    "account.wrong.long": ("Mật khẩu mới quá dài.", "The new password is too long."),
    "account.wrong.plain": ("Mật khẩu mới quá dễ đoán.", "The new password is too easy to guess."),
    "account.wrong.changed": (
        "Có người vừa đổi tài khoản này; mật khẩu chưa được đổi.",
        "Somebody changed this account meanwhile; the password is not changed.",
    ),
    "account.sessions": ("Đang đăng nhập", "Where you are in"),
    "account.this": ("thiết bị này", "this device"),
    "account.other": ("thiết bị khác", "another device"),
    "account.began": ("vào lúc {time}", "in since {time}"),
    "account.end": ("Thoát các thiết bị khác", "Put the other devices out"),
    "account.ended": ("Các thiết bị khác đã bị thoát.", "The other devices are out."),
    # ── errors ──
    "error.400": ("Yêu cầu không hợp lệ.", "That request is not valid."),
    "error.403": (
        "Biểu mẫu đã cũ, hoặc vai trò của bạn không có trang này.",
        "The form is old, or your role has no such page.",
    ),
    "error.404": ("Không có trang này.", "There is no such page."),
    "error.413": ("Yêu cầu quá dài.", "That request is too long."),
    "error.429": ("Quá nhiều yêu cầu. Chờ một chút.", "Too many requests. Wait a moment."),
    "error.500": ("Máy chủ gặp lỗi; đã ghi vào nhật ký.", "The server failed; it is in its log."),
    "error.503": (
        "Bây giờ chưa làm được. Hãy thử lại sau ít phút; nếu vẫn vậy, báo cho người quản lý hệ thống của tỉnh.",
        "Not possible now. Try again in some minutes; if it stays so, tell whoever looks after the province's system.",
    ),
    "error.back": ("Về trang đầu", "To the first page"),
}  # fmt: skip

WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: MappingProxyType({key: both[place] for key, both in _WORDS.items()}) for place, language in enumerate(LANGUAGES)}
)
