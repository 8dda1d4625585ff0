"""What kinds of places there are, after the plans of 2021, and what each must say of itself.

Source: the documents' lists of places of business, work and leisure, and of services, vehicles and gatherings (their Appendix 3 counts
communes' offices, agencies, markets and blocks of flats apart); decision 0102.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """What kind of place it is. The values stand in registers: none may change."""

    COMMUNE_OFFICE = "commune-office"
    AGENCY = "agency"
    OFFICE = "office"
    FACTORY = "factory"
    DORMITORY = "dormitory"
    BUILDING_SITE = "building-site"
    MARKET = "market"
    SUPERMARKET = "supermarket"
    SHOP = "shop"
    RESTAURANT = "restaurant"
    BAR = "bar"
    BEAUTY = "beauty"
    SPORT = "sport"
    LEISURE = "leisure"
    LODGING = "lodging"
    TOURISM = "tourism"
    CULTURE = "culture"
    WORSHIP = "worship"
    HOSPITAL = "hospital"
    CLINIC = "clinic"
    HOUSING = "housing"
    SCHOOL = "school"
    STATION = "station"
    VEHICLE = "vehicle"
    WEDDING = "wedding"
    FUNERAL = "funeral"
    MEETING = "meeting"
    EVENT = "event"
    CHECKPOINT = "checkpoint"
    QUARANTINE = "quarantine"
    LOCKDOWN = "lockdown"
    GREEN_ZONE = "green-zone"
    OTHER = "other"


ONE_OFF = frozenset({Category.WEDDING, Category.FUNERAL, Category.MEETING, Category.EVENT})
SPECIAL = frozenset({Category.HOSPITAL, Category.CHECKPOINT, Category.QUARANTINE})  # whose keepers may be allowed to see whole names

_NAMES = {
    Category.COMMUNE_OFFICE: ("Trụ sở UBND xã, phường, thị trấn", "Commune people's committee"),
    Category.AGENCY: ("Trụ sở cơ quan nhà nước", "State agency"),
    Category.OFFICE: ("Văn phòng, công ty", "Office, company"),
    Category.FACTORY: ("Nhà máy, khu công nghiệp", "Factory, industrial zone"),
    Category.DORMITORY: ("Ký túc xá, nhà trọ công nhân", "Dormitory"),
    Category.BUILDING_SITE: ("Công trường xây dựng", "Building site"),
    Category.MARKET: ("Chợ", "Market"),
    Category.SUPERMARKET: ("Siêu thị, trung tâm thương mại", "Supermarket, shopping centre"),
    Category.SHOP: ("Cửa hàng, cơ sở kinh doanh", "Shop"),
    Category.RESTAURANT: ("Nhà hàng, quán ăn, quán cà phê", "Restaurant, café"),
    Category.BAR: ("Quán bar, vũ trường, karaoke", "Bar, discotheque, karaoke"),
    Category.BEAUTY: ("Xoa bóp, làm đẹp", "Massage, beauty salon"),
    Category.SPORT: ("Tập thể dục, thể thao", "Gym, sports"),
    Category.LEISURE: ("Vui chơi, giải trí", "Leisure"),
    Category.LODGING: ("Khách sạn, cơ sở lưu trú", "Hotel, lodging"),
    Category.TOURISM: ("Điểm du lịch", "Tourist site"),
    Category.CULTURE: ("Di tích, bảo tàng, nhà văn hóa", "Relic, museum, cultural house"),
    Category.WORSHIP: ("Cơ sở tôn giáo, khu tâm linh", "Place of worship"),
    Category.HOSPITAL: ("Bệnh viện", "Hospital"),
    Category.CLINIC: ("Cơ sở y tế, nhà thuốc", "Clinic, pharmacy"),
    Category.HOUSING: ("Chung cư", "Block of flats"),
    Category.SCHOOL: ("Trường học", "School"),
    Category.STATION: ("Nhà ga, bến xe, bến tàu, nhà chờ", "Station, terminal, stop"),
    Category.VEHICLE: ("Phương tiện giao thông công cộng", "Public transport vehicle"),
    Category.WEDDING: ("Đám cưới", "Wedding"),
    Category.FUNERAL: ("Đám tang", "Funeral"),
    Category.MEETING: ("Hội nghị, hội thảo, tập huấn", "Meeting, conference, training"),
    Category.EVENT: ("Sự kiện", "Event"),
    Category.CHECKPOINT: ("Chốt kiểm soát dịch", "Checkpoint"),
    Category.QUARANTINE: ("Khu cách ly", "Quarantine area"),
    Category.LOCKDOWN: ("Khu phong tỏa", "Lockdown area"),
    Category.GREEN_ZONE: ("Vùng xanh", "Green zone"),
    Category.OTHER: ("Địa điểm khác", "Other place"),
}


def named(category: Category, language: str) -> str:
    """A category for people, in `vi` or `en`.

    Example:
        >>> named(Category.MARKET, "vi"), named(Category.GREEN_ZONE, "en")
        ('Chợ', 'Green zone')
    """
    return _NAMES[category][language == "en"]
