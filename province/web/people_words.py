"""The words of the administrator's page of accounts."""

from __future__ import annotations

from collections.abc import Mapping

from province.web.languages import LANGUAGES, Language

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Tài khoản", "Accounts"),
    "count": ("{count} tài khoản", "{count} accounts"),
    "add": ("Thêm tài khoản", "Add an account"),
    "all": ("Mọi vai trò", "All roles"),
    "filter": ("Lọc", "Filter"),
    "name": ("Họ và tên", "Name"),
    "phone": ("Số điện thoại", "Phone number"),
    "phones": ("Số điện thoại, cách nhau bằng dấu phẩy", "Phone numbers, with commas between them"),
    "role": ("Vai trò", "Role"),
    "reach": ("Phạm vi", "Reach"),
    "sites": ("Mã địa điểm (người giữ cổng, điểm đặc biệt)", "Site ids (keeper, special site)"),
    "site": ("Mã địa điểm", "Site id"),
    "unit": ("Mã địa bàn (truy vết, báo cáo)", "Unit id (tracer, reporter)"),
    "org": ("Mã cơ quan", "Organisation id"),
    "commands": ("Được gửi lệnh đến máy quét (người vận hành)", "May send commands to scanners (operator)"),
    "for.whole": ("Toàn tỉnh (người vận hành, báo cáo)", "The whole province (operator, reporter)"),
    "second": ("Bước thứ hai", "Second step"),
    "yes": ("đã thiết lập", "set up"),
    "no": ("chưa", "not yet"),
    "whole": ("toàn tỉnh", "whole province"),
    "made": ("Tài khoản {id} đã được tạo", "Account {id} is made"),
    "password": ("Mật khẩu: hiện một lần, hãy trao tận tay.", "The password: shown this once, hand it over yourself."),
    "back": ("Về danh sách", "To the list"),
    "change.role": ("Đổi vai trò hoặc phạm vi", "Another role or reach"),
    "change.password": ("Cấp mật khẩu mới", "Give a new password"),
    "change.second": ("Đặt lại bước thứ hai (mất điện thoại)", "Set the second step up anew (phone lost)"),
    "change.phone": ("Thêm hoặc bớt số điện thoại", "Add or take a phone number"),
    "change.remove": ("Xóa tài khoản", "Remove the account"),
    "phone.add": ("Thêm số này", "Add this number"),
    "phone.remove": ("Bớt số này", "Take this number"),
    "sure": ("Nhập mã tài khoản {id} để xác nhận", "Type the account's id {id} to confirm"),
    "own": ("Đây là tài khoản của bạn; quản trị khác sẽ đổi.", "This is your own account; another administrator changes it."),
    "out": ("Mỗi thay đổi được ghi vào nhật ký và có hiệu lực ngay.", "Each change is noted, and counts at once."),
    "wrong.id": ("Mã tài khoản không hợp lệ.", "Not an account's id."),
    "wrong.name": ("Họ và tên phải có từ 1 đến 100 ký tự.", "The name must have 1 to 100 characters."),
    "wrong.role": ("Hãy chọn vai trò.", "Choose a role."),
    "wrong.phone": ("Cần ít nhất một số điện thoại Việt Nam hợp lệ.", "At least one Vietnamese phone number is needed."),
    "wrong.phone-taken": ("Số này đã thuộc về một tài khoản.", "That number is an account's already."),
    "wrong.not-theirs": ("Số này không thuộc tài khoản này.", "That number is not this account's."),
    "wrong.last-phone": ("Đây là số cuối cùng; hãy thêm số khác trước.", "It is their last number; add another first."),
    "wrong.site": ("Mã địa điểm không hợp lệ.", "Not a site's id."),
    "wrong.no-site": ("Không có địa điểm này, hoặc đã đóng.", "There is no such site, or it is closed."),
    "wrong.needs-site": ("Vai trò này cần ít nhất một địa điểm.", "That role needs a site."),
    "wrong.has-no-site": ("Vai trò này không gắn với địa điểm.", "That role has no sites."),
    "wrong.not-special": (
        "Chỉ bệnh viện, chốt kiểm dịch và khu cách ly được xem đầy đủ. Hãy chọn vai trò người giữ cổng.",
        "Hospitals, checkpoints and quarantine areas alone may see all. Choose the role of a keeper.",
    ),
    "wrong.unit": ("Mã địa bàn không hợp lệ.", "Not a unit's id."),
    "wrong.no-unit": ("Không có địa bàn này.", "There is no such unit."),
    "wrong.needs-unit": ("Cán bộ truy vết cần một địa bàn.", "A tracing officer needs a unit."),
    "wrong.has-no-unit": ("Vai trò này không gắn với địa bàn.", "That role has no unit."),
    "wrong.unit-taken": ("Địa bàn này đã có cán bộ truy vết.", "That unit has its tracing officer."),
    "wrong.org": ("Mã cơ quan không hợp lệ.", "Not an organisation's id."),
    "wrong.no-org": ("Không có cơ quan này.", "There is no such organisation."),
    "wrong.has-no-org": ("Vai trò này không gắn với cơ quan.", "That role has no organisation."),
    "wrong.has-no-whole": (
        "Chỉ người vận hành và cán bộ báo cáo có thể phụ trách toàn tỉnh.",
        "Operators and reporters alone are for the whole province.",
    ),
    "wrong.whole": (
        "Hãy nhập địa bàn hoặc cơ quan; nếu phụ trách toàn tỉnh thì chỉ chọn ô toàn tỉnh.",
        "Give a unit or an organisation; or, for the whole province, tick that alone.",
    ),
    "wrong.has-no-commands": ("Chỉ người vận hành được gửi lệnh.", "Operators alone send commands."),
    "wrong.sure": ("Mã tài khoản nhập không đúng.", "That is not the account's id."),
    "wrong.changed": (
        "Có người vừa đổi tài khoản này. Đây là tài khoản lúc này; chưa có gì thay đổi theo yêu cầu của bạn.",
        "Somebody changed this account meanwhile. This is how it is now; nothing you asked for was done.",
    ),
    "wrong.last-admin": (
        "Đây là quản trị cuối cùng; hãy cấp vai trò quản trị cho người khác trước.",
        "This is the last administrator; let another one in first.",
    ),
    "save": ("Lưu", "Save"),
    "before": ("Trước", "Before"),
    "next": ("Sau", "Next"),
    "page": ("Trang {page} / {pages}", "Page {page} of {pages}"),
}

WORDS: Mapping[Language, Mapping[str, str]] = {
    language: {key: both[place] for key, both in _WORDS.items()} for place, language in enumerate(LANGUAGES)
}
