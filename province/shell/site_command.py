"""`gate-province site`: the places: adds, lists, shows and closes them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from edge_agent.wire.keyring import VIETNAM
from province.base.clock import now_ms, shown
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.paper import poster_page
from province.registry import devices, site_codes, sites, units
from province.registry.categories import Category
from province.registry.site import Site, new_site
from province.shell.actions import add_actions, add_close, print_list, register_of
from province.store.opened import Connection

_EPILOG = """\
examples:
  gate-province site add /srv/gate --id cho-dong-ba --org cho-dong-ba --name "Chợ Đông Ba" --category market --unit 19789 \\
      --address "2 Trần Hưng Đạo, Huế" --gate "Cổng chính" --gate "Cổng sau"
  gate-province site add /srv/gate --id xe-75b-01234 --org xe-buyt-hue --name "Xe 75B-012.34" --category vehicle \\
      --plate 75B-012.34 --route "Tuyến 8" --address "Bến xe phía Nam" --gate "Cửa trước"
  gate-province site add /srv/gate --id dam-cuoi-0510 --org phuong-cau-kho --name "Đám cưới 5/10, nhà văn hóa" --category wedding \\
      --address "12 Lê Lợi" --gate "Cổng" --begins "2021-10-05 08:00" --ends "2021-10-05 22:00"
  gate-province site list /srv/gate --within 476 --category market
  gate-province site show /srv/gate cho-dong-ba
  gate-province site close /srv/gate cho-dong-ba           --undo opens it again
  gate-province site poster /srv/gate cho-dong-ba --url https://vao.tinh.example.vn --out poster.pdf

One place has one code: the same name, address and commune, or the same number plate, again is refused, with the site that stands there.
Times are Vietnam's. All at once from a table: gate-province registry import.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `site` to the command line."""
    action = add_actions(
        subparsers, "site", "the places: add, list, show, close", "The places that people enter and leave, with their gates.", _EPILOG
    )
    _of_add(action("add", "add a place", "Adds a place and its gates."))
    listing = action("list", "list the places", "Lists the places that are not closed.")
    listing.add_argument("--within", metavar="UNIT", help="only in this unit and what is part of it")
    listing.add_argument("--org", help="only this organisation's")
    listing.add_argument("--category", choices=[str(category) for category in Category], help="only of this kind")
    listing.add_argument("--closed", action="store_true", help="those too that are closed")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    show = action("show", "show one place", "Shows one place, its site code and its scanners.")
    show.add_argument("id", metavar="SITE", help="its short name, or its site code")
    show.add_argument("--json", action="store_true", help="as one JSON object")
    _of_poster(action("poster", "posters with the site codes", "Makes sites' posters: A4, to hang at every gate."))
    add_close(
        action("close", "a place is no more", "Closes a place: nothing new is registered there. What was registered stays."),
        "SITE",
        "its short name",
    )


def _of_add(add: argparse.ArgumentParser) -> None:
    add.add_argument("--id", required=True, help="its short name: lower-case letters, digits, hyphens")
    add.add_argument("--org", required=True, help="whose it is: the same letters")
    add.add_argument("--name", required=True, help='for people, such as "Chợ Đông Ba"; unique in its organisation, of nobody\'s name')
    add.add_argument("--category", required=True, choices=[str(category) for category in Category], help="what kind of place it is")
    add.add_argument("--address", required=True, help="where it is")
    add.add_argument("--gate", action="append", required=True, help="a door of it; give each")
    add.add_argument("--unit", metavar="ID", help="the commune it is in, see `gate-province unit list`")
    add.add_argument("--monitored-by", metavar="ORG", help="the organisation that watches over it")
    add.add_argument("--plate", help="a vehicle's number plate")
    add.add_argument("--route", help="a vehicle's route")
    add.add_argument("--begins", metavar="TIME", help='of what is once (wedding, funeral, meeting, event): "2021-10-05 08:00"')
    add.add_argument("--ends", metavar="TIME", help="the same")
    add.add_argument("--anyway", action="store_true", help="also if the same place seems to be registered already")


def _of_poster(poster: argparse.ArgumentParser) -> None:
    poster.add_argument("ids", nargs="*", metavar="SITE", help="its short name; of several a page each")
    poster.add_argument("--org", help="all of this organisation's instead")
    poster.add_argument("--within", metavar="UNIT", help="all in this unit instead")
    poster.add_argument("--url", required=True, help="where visitors reach the check-in page: https://HOST, see `gate-province checkin`")
    poster.add_argument("--language", choices=["vi", "en"], default="vi", help="default: vi")
    poster.add_argument("--out", type=Path, required=True, metavar="PDF", help="the file to make")
    poster.add_argument("--force", action="store_true", help="replace the file if it is there")
    poster.add_argument("--font", type=Path, metavar="TTF", help="a font with Vietnamese letters (default: DejaVu Sans, Noto Sans)")


def run(args: argparse.Namespace) -> int:
    """Adds, lists, shows, closes, or makes a poster."""
    with register_of(args) as (layout, connection):
        if args.action == "add":
            _add(connection, layout, args)
        elif args.action == "close":
            _close(connection, layout, args)
        elif args.action == "poster":
            _poster(connection, args)
        elif args.action == "show":
            _show(connection, args)
        else:
            _list(connection, args)
    return 0


def _at_ms(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise NotAProvince(f'{option} {text!r}: must be a date and time such as "2021-10-05 08:00".') from None
    return int((at if at.tzinfo else at.replace(tzinfo=VIETNAM)).timestamp() * 1000)


def _add(connection: Connection, layout: Layout, args: argparse.Namespace) -> None:
    one = new_site(
        args.id, args.org, args.name, Category(args.category), args.address, args.gate, unit=args.unit, plate=args.plate, route=args.route,
        begins_ms=_at_ms("--begins", args.begins), ends_ms=_at_ms("--ends", args.ends), monitored_by=args.monitored_by,
    )  # fmt: skip
    sites.add(connection, layout.register, one, anyway=args.anyway)
    gates = "1 gate" if len(one.gates) == 1 else f"{len(one.gates)} gates"
    print_line(f"Added site {one.id} with {gates}. A scanner for it: gate-province ticket {args.folder} --site {one.id} …")


def _close(connection: Connection, layout: Layout, args: argparse.Namespace) -> None:
    one = sites.close(connection, layout.register, args.id, None if args.undo else now_ms())
    print_line(f"Site {one.id} is {'open' if args.undo else 'closed'}.")
    still = [str(device.name) for device in _scanners(connection, one) if device.status == devices.ACTIVE]
    if still and not args.undo:
        print_line(f"Its scanners may still speak: {', '.join(still)}. Move each with a ticket, or: gate-province device revoke.")


def _poster(connection: Connection, args: argparse.Namespace) -> None:
    wanted = _for_posters(connection, args)
    if args.out.exists() and not args.force:
        raise AlreadyThere(f"{args.out} is there already: name another file, or give --force.")
    try:
        pdf = poster_page.draw([poster_page.Poster(one, args.url, args.language) for one in wanted], args.font)
    except poster_page.NoAddress as error:
        raise NotAProvince(f"--url {error}.") from None
    try:
        write_atomically(args.out.absolute(), pdf, PUBLIC)
    except OSError as error:
        raise ProvinceError(f"{args.out}: cannot be written ({error.strerror}). Choose another --out.") from None
    posters = "1 poster" if len(wanted) == 1 else f"{len(wanted)} posters"
    print_line(f"{args.out}: {posters}. Print at 100 %, the code is then {poster_page.CODE_MM:g} mm wide; hang it at every gate.")


def _for_posters(connection: Connection, args: argparse.Namespace) -> list[Site]:
    if args.ids:
        known = {id_: sites.find(connection, id_) for id_ in dict.fromkeys(args.ids)}
        if wrong := [id_ for id_, one in known.items() if one is None or one.closed_ms is not None]:
            raise NotAProvince(f"{', '.join(map(repr, wrong))}: not an open site. See `gate-province site list`.")
        return [one for one in known.values() if one is not None]
    if args.org is None and args.within is None:
        raise NotAProvince("name sites, or give --org or --within for all of theirs.")
    found = sites.every(connection, within=_beneath(connection, args.within), org=args.org, closed=False)
    if not found:
        raise NotAProvince("there is no open site of theirs. See `gate-province site list`.")
    return found


def _beneath(connection: Connection, unit: str | None) -> frozenset[str] | None:
    """A unit and what is part of it; None for no unit."""
    if unit is None:
        return None
    found = units.beneath(connection, unit)
    if not found:
        raise NotAProvince(f"--within {unit!r}: not a unit. See `gate-province unit list`.")
    return found


def _scanners(connection: Connection, one: Site) -> list[devices.Device]:
    return [device for device in devices.every(connection) if (device.name.org, device.site) == (one.org, one.name)]


def _as_json(one: Site) -> dict[str, object]:
    return asdict(one) | {"code": site_codes.shown(one.code)}


def _show(connection: Connection, args: argparse.Namespace) -> None:
    one = sites.find(connection, args.id)
    if one is None:
        try:
            one = sites.with_code(connection, site_codes.read(args.id))
        except ValueError:
            one = None
    if one is None:
        raise NotAProvince(f"{args.id!r}: not a site, nor a site's code. See `gate-province site list`.")
    if args.json:
        print_json(_as_json(one))
        return
    commune = units.path_of(units.every(connection), one.unit)
    facts = {
        "site": one.id, "name": one.name, "organisation": one.org, "category": str(one.category), "address": one.address,
        "commune": ", ".join(each.name for each in commune), "gates": ", ".join(one.gates), "plate": one.plate, "route": one.route,
        "begins": one.begins_ms and shown(one.begins_ms), "ends": one.ends_ms and shown(one.ends_ms), "watched by": one.monitored_by,
        "registered": shown(one.registered_ms or None), "closed": one.closed_ms and shown(one.closed_ms),
        "site code": site_codes.shown(one.code),
        "scanners": ", ".join(f"{each.name.device} ({each.gate}, {each.status})" for each in _scanners(connection, one)),
    }  # fmt: skip
    for name, fact in facts.items():
        if fact:
            print_line(f"{name:<14}{fact}")


def _list(connection: Connection, args: argparse.Namespace) -> None:
    category = None if args.category is None else Category(args.category)
    known = sites.every(connection, within=_beneath(connection, args.within), org=args.org, category=category, closed=args.closed)
    print_list(known, ("site", "org", "name", "category", "unit", "address", "gates"), _row, _as_json, as_json=args.json)


def _row(one: Site) -> tuple[str, ...]:
    return (one.id, one.org, one.name, str(one.category), one.unit or "-", one.address, ", ".join(one.gates))
