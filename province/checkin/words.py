"""The words of the check-in page, in Vietnamese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from province.web.languages import LANGUAGES, Language

_WORDS: Mapping[str, tuple[str, str]] = {
    "brand": ("Khai báo vào ra", "Check in"),
    "privacy": (
        "Thông tin được mã hóa ngay khi đến; chỉ tỉnh mở được, mỗi lần xem đầy đủ được ghi lại; hết thời hạn lưu, không ai mở được nữa.",
        "What you send is sealed as it arrives; only the province can open it, each full look is noted; after its term nobody can.",
    ),
    "title": ("Khai báo", "Check in"),
    "front": ("Mã địa điểm", "Site code"),
    "front.hint": (
        "Quét mã QR trên bảng treo ở cổng, hoặc nhập 16 ký tự dưới mã.",
        "Scan the QR code on the poster at the gate, or type the 16 letters below it.",
    ),
    "front.wrong": ("Mã không đúng. Xem lại từng ký tự.", "That is no site code. Look at each letter again."),
    "front.go": ("Tiếp tục", "Go on"),
    "here": ("Bạn đang ở", "You are at"),
    "other": ("Không phải nơi này? Đừng khai; báo cho người trực.", "Not this place? Do not check in; tell the keeper."),
    "name": ("Họ và tên", "Full name"),
    "phone": ("Số điện thoại", "Phone number"),
    "id_number": ("Số CCCD, CMND hoặc hộ chiếu (không bắt buộc)", "ID card or passport number (optional)"),
    "wrong.name": ("Ghi họ và tên.", "Give your name."),
    "wrong.phone": ("Ghi số điện thoại: 8 đến 15 chữ số.", "Give a phone number: 8 to 15 digits."),
    "wrong.id_number": ("Số không đúng: 12 hoặc 9 chữ số, hoặc số hộ chiếu.", "Not such a number: 12 or 9 digits, or a passport number."),
    "wrong.direction": ("Bấm “Vào” hoặc “Ra”.", "Tap “In” or “Out”."),
    "in": ("Vào", "In"),
    "out": ("Ra", "Out"),
    "done.in": ("Đã ghi nhận: vào", "Recorded: in"),
    "done.out": ("Đã ghi nhận: ra", "Recorded: out"),
    "done.show": ("Đưa màn hình này cho người trực nếu được hỏi.", "Show this to the keeper if you are asked."),
    "done.again": ("Khai cho người khác", "Check in somebody else"),
    "past": ("Địa điểm này đã đóng.", "This place is closed."),
    "unknown": ("Mã này không phải của tỉnh ta. Báo cho người trực.", "This code is not the province's. Tell the keeper."),
    "busy": ("Nhiều người đang khai. Thử lại sau ít giây.", "Many are checking in. Try again in a few seconds."),
    "unrecorded": (
        "Chưa ghi nhận được. Hãy khai với người trực hoặc đưa mã cá nhân cho máy quét.",
        "Not recorded. Tell the keeper, or show your personal code to the reader.",
    ),
}
WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: MappingProxyType({key: said[at] for key, said in _WORDS.items()}) for at, language in enumerate(LANGUAGES)}
)
