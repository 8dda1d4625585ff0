"""The places of the living province: an invented district, its communes, organisations and some forty sites of many kinds. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from province.registry.categories import Category
from province.registry.organisations import Sector

PROVINCE_UNIT, DISTRICT = "tinh", "suoi-may"
PROVINCE_NAME = "Tỉnh thử nghiệm"
DISTRICT_NAME = "Huyện Suối Mây"
COMMUNES = {
    "ben-suong": "Thị trấn Bến Sương", "doi-thong": "Xã Đồi Thông", "ban-hoa": "Xã Bản Hoa", "cau-vong": "Xã Cầu Vồng",
    "song-xanh": "Xã Sông Xanh",
}  # fmt: skip

# Where each commune's middle is, in degrees; the district lies in no province.
_MIDDLES: Mapping[str, tuple[float, float]] = MappingProxyType({
    "ben-suong": (22.058, 104.100), "doi-thong": (22.080, 104.058), "ban-hoa": (22.076, 104.142), "cau-vong": (22.034, 104.062),
    "song-xanh": (22.036, 104.140),
})  # fmt: skip
_FIRST_STEP, _TURN = 0.0055, math.radians(137.5)  # degrees from the middle to the first place; from each to the next, so that all lie apart


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody typed of a commune, for no scanner knows it."""

    people: int
    installs: int
    places: int


FIGURES: Mapping[str, Known] = MappingProxyType({
    "ben-suong": Known(9_840, 6_912, 24), "doi-thong": Known(5_120, 2_688, 8), "ban-hoa": Known(4_370, 1_905, 8),
    "cau-vong": Known(3_980, 1_562, 6), "song-xanh": Known(3_215, 2_610, 6),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """An organisation; of those that report, how many work there, and how many of them have the app."""

    id: str
    name: str
    sector: Sector
    parent: str | None = None
    unit: str | None = None
    officials: int = 0
    installs: int = 0


BODIES = (
    Body("so-y-te", "Sở Y tế", Sector.MONITORING, officials=412, installs=398),
    Body("so-giao-duc", "Sở Giáo dục và Đào tạo", Sector.MONITORING, officials=655, installs=601),
    Body("so-gtvt", "Sở Giao thông vận tải", Sector.MONITORING, officials=88, installs=73),
    Body("so-cong-thuong", "Sở Công Thương", Sector.DEPARTMENT, officials=57, installs=57),
    Body("so-tttt", "Sở Thông tin và Truyền thông", Sector.DEPARTMENT, officials=43, installs=43),
    Body("ubnd-suoi-may", "UBND huyện Suối Mây", Sector.DISTRICT, unit=DISTRICT, officials=236, installs=209),
    Body("cho-coc-leu", "Ban quản lý chợ Cốc Lều", Sector.OTHER, unit="ben-suong"),
    Body("xe-buyt", "Công ty xe buýt Suối Mây", Sector.OTHER),
    Body("thuong-mai", "Hợp tác xã thương mại Suối Mây", Sector.OTHER),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A site.

    Attributes:
        draw: how many people of a hundred come on a usual day; 0: registered, and nobody scans.
        stay_min: how long they stay, more or less.
        gates: its doors; all gates but a vehicle's have a lane each way.
        watched: the organisation that watches over it.
        poster: how many check in by its poster, against other places; 0: none hangs there.
    """

    id: str
    org: str
    category: Category
    name: str
    address: str
    commune: str
    draw: float
    stay_min: int
    gates: tuple[str, ...] = ("Cổng chính",)
    watched: str | None = None
    plate: str | None = None
    route: str | None = None
    poster: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether nobody scans there."""
        return self.draw == 0


_KIND = Category
SPOTS = (
    Spot("cho-coc-leu", "cho-coc-leu", _KIND.MARKET, "Chợ Cốc Lều", "Phố Chợ", "ben-suong", 24, 45,
         ("Cổng 1", "Cổng 2", "Cổng bến thuyền")),
    Spot("cho-ban-hoa", "ubnd-suoi-may", _KIND.MARKET, "Chợ Bản Hoa", "Trung tâm xã", "ban-hoa", 7, 50),
    Spot("cho-cau-vong", "ubnd-suoi-may", _KIND.MARKET, "Chợ Cầu Vồng", "Thôn Cầu", "cau-vong", 5, 45),
    Spot("sieu-thi", "thuong-mai", _KIND.SUPERMARKET, "Siêu thị Suối Mây", "12 phố Chính", "ben-suong", 12, 35,
         ("Cửa trước", "Cửa hầm xe")),
    Spot("benh-vien", "so-y-te", _KIND.HOSPITAL, "Bệnh viện đa khoa Suối Mây", "1 phố Bệnh viện", "ben-suong", 6, 110,
         ("Cổng cấp cứu", "Cổng khám bệnh"), "so-y-te"),
    Spot("tram-doi-thong", "so-y-te", _KIND.CLINIC, "Trạm y tế xã Đồi Thông", "Thôn Thông", "doi-thong", 2, 40, watched="so-y-te"),
    Spot("nha-thuoc", "thuong-mai", _KIND.CLINIC, "Nhà thuốc Bến Sương", "5 phố Chính", "ben-suong", 4, 10, watched="so-y-te"),
    Spot("chot-cau-vong", "so-y-te", _KIND.CHECKPOINT, "Chốt kiểm soát Cầu Vồng", "Đầu cầu", "cau-vong", 11, 4, ("Làn xe máy", "Làn ô tô")),
    Spot("cach-ly", "so-y-te", _KIND.QUARANTINE, "Khu cách ly Đồi Thông", "Trường nghề cũ", "doi-thong", 0.5, 600),
    Spot("truong-thpt", "so-giao-duc", _KIND.SCHOOL, "Trường THPT Suối Mây", "3 phố Trường", "ben-suong", 10, 270,
         ("Cổng trước", "Cổng sau"), "so-giao-duc"),
    Spot("truong-th-ban-hoa", "so-giao-duc", _KIND.SCHOOL, "Trường Tiểu học Bản Hoa", "Trung tâm xã", "ban-hoa", 5, 260,
         watched="so-giao-duc"),
    Spot("truong-mn", "so-giao-duc", _KIND.SCHOOL, "Trường Mầm non Sông Xanh", "Thôn Bến", "song-xanh", 0, 0, watched="so-giao-duc"),
    Spot("nha-may-che", "thuong-mai", _KIND.FACTORY, "Nhà máy chè Đồi Thông", "Cụm công nghiệp", "doi-thong", 9, 480, ("Cổng 1", "Cổng 2")),
    Spot("xuong-go", "thuong-mai", _KIND.FACTORY, "Xưởng gỗ Sông Xanh", "Thôn Bến", "song-xanh", 4, 480),
    Spot("khu-tro", "thuong-mai", _KIND.DORMITORY, "Khu trọ công nhân nhà máy chè", "Cụm công nghiệp", "doi-thong", 3, 500),
    Spot("so-tttt", "so-tttt", _KIND.AGENCY, "Trụ sở Sở Thông tin và Truyền thông", "20 phố Chính", "ben-suong", 2, 230),
    Spot("so-cong-thuong", "so-cong-thuong", _KIND.AGENCY, "Trụ sở Sở Công Thương", "22 phố Chính", "ben-suong", 2, 230),
    Spot("ubnd-huyen", "ubnd-suoi-may", _KIND.AGENCY, "Trụ sở UBND huyện Suối Mây", "1 quảng trường", "ben-suong", 5, 200),
    Spot("ubnd-ben-suong", "ubnd-suoi-may", _KIND.COMMUNE_OFFICE, "UBND thị trấn Bến Sương", "8 phố Chợ", "ben-suong", 3, 60, poster=6),
    Spot("ubnd-doi-thong", "ubnd-suoi-may", _KIND.COMMUNE_OFFICE, "UBND xã Đồi Thông", "Trung tâm xã", "doi-thong", 2, 60),
    Spot("ubnd-ban-hoa", "ubnd-suoi-may", _KIND.COMMUNE_OFFICE, "UBND xã Bản Hoa", "Trung tâm xã", "ban-hoa", 2, 60),
    Spot("ubnd-cau-vong", "ubnd-suoi-may", _KIND.COMMUNE_OFFICE, "UBND xã Cầu Vồng", "Trung tâm xã", "cau-vong", 0, 0),
    Spot("ubnd-song-xanh", "ubnd-suoi-may", _KIND.COMMUNE_OFFICE, "UBND xã Sông Xanh", "Trung tâm xã", "song-xanh", 1, 60),
    Spot("ben-xe", "so-gtvt", _KIND.STATION, "Bến xe Suối Mây", "Quốc lộ", "ben-suong", 7, 30, ("Cửa A", "Cửa B"), "so-gtvt"),
    Spot("ben-thuyen", "so-gtvt", _KIND.STATION, "Bến thuyền Sông Xanh", "Thôn Bến", "song-xanh", 3, 20, watched="so-gtvt"),
    Spot("xe-01", "xe-buyt", _KIND.VEHICLE, "Xe buýt tuyến 01 số 1", "Bến xe Suối Mây", "ben-suong", 5, 35, ("Cửa trước",), "so-gtvt",
         "99B-001.01", "Bến xe – Bản Hoa"),
    Spot("xe-02", "xe-buyt", _KIND.VEHICLE, "Xe buýt tuyến 02 số 1", "Bến xe Suối Mây", "ben-suong", 5, 35, ("Cửa trước",), "so-gtvt",
         "99B-002.02", "Bến xe – Cầu Vồng"),
    Spot("chung-cu-a", "thuong-mai", _KIND.HOUSING, "Chung cư Bến Sương A", "30 phố Chính", "ben-suong", 6, 400),
    Spot("chung-cu-b", "thuong-mai", _KIND.HOUSING, "Chung cư Bến Sương B", "32 phố Chính", "ben-suong", 0, 300, poster=40),
    Spot("karaoke", "thuong-mai", _KIND.BAR, "Karaoke Mây Hồng", "9 phố Chợ", "ben-suong", 2, 100),
    Spot("ca-phe", "thuong-mai", _KIND.RESTAURANT, "Cà phê Bờ Suối", "2 bờ suối", "ben-suong", 6, 55, poster=20),
    Spot("quan-pho", "thuong-mai", _KIND.RESTAURANT, "Phở Đồi Thông", "Ngã ba", "doi-thong", 5, 25, poster=12),
    Spot("lam-dep", "thuong-mai", _KIND.BEAUTY, "Làm đẹp Hoa Ban", "11 phố Chợ", "ben-suong", 2, 80),
    Spot("san-bong", "ubnd-suoi-may", _KIND.SPORT, "Sân vận động Suối Mây", "Quảng trường", "ben-suong", 3, 90),
    Spot("khach-san", "thuong-mai", _KIND.LODGING, "Khách sạn Đỉnh Mây", "40 phố Chính", "ben-suong", 3, 500),
    Spot("thac-bac", "ubnd-suoi-may", _KIND.TOURISM, "Thác Bạc Bản Hoa", "Thôn Thác", "ban-hoa", 4, 100, poster=12),
    Spot("nha-van-hoa", "ubnd-suoi-may", _KIND.CULTURE, "Nhà văn hóa huyện", "Quảng trường", "ben-suong", 2, 90, poster=8),
    Spot("den-thuong", "ubnd-suoi-may", _KIND.WORSHIP, "Đền Thượng", "Đồi Đền", "cau-vong", 3, 40, poster=10),
    Spot("cong-truong", "thuong-mai", _KIND.BUILDING_SITE, "Công trường cầu Sông Xanh", "Bờ sông", "song-xanh", 0, 0),
    Spot("tap-hoa", "thuong-mai", _KIND.SHOP, "Tạp hóa Bình Minh", "Thôn Hoa", "ban-hoa", 3, 12, poster=10),
)  # fmt: skip


def where(spot: Spot) -> tuple[float, float]:
    """Latitude and longitude of a site, in degrees; a vehicle's where it stops for the night."""
    number = [one.id for one in SPOTS if one.commune == spot.commune].index(spot.id) + 1
    away, turned = _FIRST_STEP * math.sqrt(number), number * _TURN
    latitude, longitude = _MIDDLES[spot.commune]
    return latitude + away * math.sin(turned), longitude + away * math.cos(turned)
