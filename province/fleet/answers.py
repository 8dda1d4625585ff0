"""What the pages answer who is in: the list, a device, commands, alerts. Nothing is looked up but within the operator's organisation."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.guard import Refused
from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.fleet import spreadsheet
from province.fleet.accounts import Operator
from province.fleet.door import Door, agreed
from province.fleet.orders import Ordered, Orders, new_ref
from province.fleet.picking import Wanted, pick
from province.fleet.sight import Row, is_quiet
from province.fleet.views import DeviceSight, View, Views, offered, path_of
from province.fleet.world import World
from province.watch.fleet_store import FleetAlert
from province.web.forms import language_of
from province.web.live import Drawn, Region, Streams


class Answers:
    """What each page shows, what its form does, and what its stream follows.

    Args:
        world: what they show and use.
        views: draw it.
        door: knows who asks.
    """

    def __init__(self, world: World, views: Views, door: Door) -> None:
        self._world, self._views, self._door = world, views, door
        self._streams = Streams(world.changes)

    def routes(self) -> list[Route]:
        """The pages and their streams, each for those who are in."""
        behind, device = self._door.behind, "/{language}/device/{org}/{device}"
        return [
            Route("/{language}/", behind(self._fleet)),
            Route("/{language}/fleet.csv", behind(self._csv)),
            Route("/{language}/alerts", behind(self._alerts)),
            Route("/{language}/alerts/{number:int}", behind(self._take), methods=["GET", "POST"]),
            Route(device, behind(self._device)),
            Route(device + "/order/{action}", behind(self._order), methods=["GET", "POST"]),
            Route("/{language}/orders/{ref}", behind(self._ordered)),
            Route("/{language}/stream/fleet", behind(self._fleet_stream)),
            Route("/{language}/stream/alerts", behind(self._alerts_stream)),
            Route("/{language}/stream/device/{org}/{device}", behind(self._device_stream)),
            Route("/{language}/stream/orders/{ref}", behind(self._ordered_stream)),
        ]

    # ── the list ──

    async def _fleet(self, request: Request, view: View, operator: Operator) -> Response:
        wanted = Wanted.of(request.query_params)
        drawn = await run_in_threadpool(self._draw_fleet, view, operator, wanted)
        return HTMLResponse(self._views.page(view, "fleet", drawn=drawn, wanted=wanted, stream=f"/fleet{wanted.query()}"))

    async def _fleet_stream(self, request: Request, view: View, operator: Operator) -> Response:
        wanted, shared = Wanted.of(request.query_params), _shared(view)

        def state() -> object:
            return self._world.changes.number, is_quiet(self._world.sight.picture)

        return self._streamed(request, operator, ("fleet", wanted), state, lambda: self._draw_fleet(shared, operator, wanted))

    def _draw_fleet(self, view: View, operator: Operator, wanted: Wanted) -> Drawn:
        picture = self._world.sight.picture
        quiet_ms = picture.heard_ms if is_quiet(picture) else None
        return self._views.fleet(view, pick(picture.of(operator.org), wanted), wanted, quiet_ms)

    async def _csv(self, request: Request, _view: View, operator: Operator) -> Response:
        rows = self._world.sight.picture.of(operator.org)
        text = await run_in_threadpool(spreadsheet.table, list(pick(rows, Wanted.of(request.query_params), None).rows))
        return Response(text, media_type="text/csv; charset=utf-8", headers={"content-disposition": "attachment; filename=fleet.csv"})

    # ── a device ──

    def _row(self, request: Request, operator: Operator) -> Row:
        """The device that the path names.

        Raises:
            Refused: there is none, or it is another organisation's, which looks the same.
        """
        with suppress(ValueError):
            name = DeviceName(request.path_params["org"], request.path_params["device"])
            row = self._world.sight.picture.get(name)
            if row is not None and operator.org in {None, name.org}:
                return row
        raise Refused(404)

    async def _device(self, request: Request, view: View, operator: Operator) -> Response:
        row = self._row(request, operator)
        drawn = await run_in_threadpool(self._draw_device, view, operator, row.seen.name)
        return HTMLResponse(self._views.page(view, "device", drawn=drawn, row=row, stream=path_of(row.seen.name)))

    async def _device_stream(self, request: Request, view: View, operator: Operator) -> Response:
        name, shared = self._row(request, operator).seen.name, _shared(view)

        def state() -> object:  # drawn anew only when something of this device has changed, not with each change in the fleet
            return self._world.sight.picture.get(name), self._orders_of(name)

        return self._streamed(request, operator, ("device", name), state, lambda: self._draw_device(shared, operator, name))

    def _orders_of(self, name: DeviceName) -> list[Ordered]:
        return [] if self._world.orders is None else self._world.orders.of(name)

    def _draw_device(self, view: View, operator: Operator, name: DeviceName) -> Drawn:
        row, org = self._world.sight.picture.get(name), operator.org
        if row is None:
            raise Refused(404)
        history, known, refused = self._world.sight.ask(
            lambda store: (store.history(org, name), store.alerts(org, also_ended=True, of=name), store.refused(org))
        )
        refused = [each for each in refused if each.name == name]
        return self._views.device(view, DeviceSight(row, history, known, refused, self._orders_of(name)))

    # ── commands ──

    def _allowed(self, request: Request, operator: Operator) -> tuple[Orders, Action]:
        action = next((each for each in offered(operator) if each == request.path_params["action"]), None)
        if self._world.orders is None or action is None:
            raise Refused(404)
        return self._world.orders, action

    async def _order(self, request: Request, view: View, operator: Operator) -> Response:
        row = self._row(request, operator)
        orders, action = self._allowed(request, operator)
        if request.method != "POST":
            return HTMLResponse(self._views.page(view, "confirm", row=row, action=action, ref=new_ref()))
        form = await agreed(request, view)
        ref = form.get("ref", "")
        if len(ref) != len(new_ref()) or (orders.find(operator.org, ref) is None and orders.find(None, ref) is not None):
            raise Refused(400)
        try:
            orders.give(ref, row.seen.name, action, form.get("reason", ""), operator.name)
        except ProvinceError as error:
            raise Refused(503, str(error)) from None
        return RedirectResponse(f"/{view.words.language}/orders/{ref}", 303)

    def _known_order(self, request: Request, operator: Operator) -> Ordered:
        found = None if self._world.orders is None else self._world.orders.find(operator.org, request.path_params["ref"])
        if found is None:
            raise Refused(404)
        return found

    async def _ordered(self, request: Request, view: View, operator: Operator) -> Response:
        ordered = self._known_order(request, operator)
        drawn = self._views.order(view, ordered)
        return HTMLResponse(self._views.page(view, "order", drawn=drawn, ordered=ordered, stream=f"/orders/{ordered.ref}"))

    async def _ordered_stream(self, request: Request, view: View, operator: Operator) -> Response:
        ref, shared = self._known_order(request, operator).ref, _shared(view)

        def draw() -> Drawn:
            return self._views.order(shared, self._known_order(request, operator))

        return self._streamed(request, operator, ("order", ref), lambda: self._world.changes.number, draw)

    # ── alerts ──

    def _draw_alerts(self, view: View, operator: Operator, page: int, *, history: bool) -> Drawn:
        picture, org = self._world.sight.picture, operator.org
        if history:
            found = self._world.sight.ask(lambda store: store.alerts(org, also_ended=True))
        else:
            found = sorted((alert for row in picture.of(org) for alert in row.alerts), key=_untaken_first)
        return self._views.alerts(view, found, picture, page, history=history)

    async def _alerts(self, request: Request, view: View, operator: Operator) -> Response:
        page, history = Wanted.of(request.query_params).page, request.query_params.get("history") == "1"
        drawn = await run_in_threadpool(lambda: self._draw_alerts(view, operator, page, history=history))
        stream = "" if history else f"/alerts?page={page}"  # the past stands still
        return HTMLResponse(self._views.page(view, "alerts", drawn=drawn, history=history, stream=stream))

    async def _alerts_stream(self, request: Request, view: View, operator: Operator) -> Response:
        page, shared = Wanted.of(request.query_params).page, _shared(view)

        def draw() -> Drawn:
            return self._draw_alerts(shared, operator, page, history=False)

        return self._streamed(request, operator, ("alerts", page), lambda: self._world.changes.number, draw)

    async def _take(self, request: Request, view: View, operator: Operator) -> Response:
        number = request.path_params["number"]
        open_ones = (alert for row in self._world.sight.picture.of(operator.org) for alert in row.alerts)
        alert = next((each for each in open_ones if each.number == number), None)
        if alert is None:
            raise Refused(404)
        if request.method != "POST":
            return HTMLResponse(self._views.page(view, "take", alert=alert))
        form = await agreed(request, view)
        note = "".join(filter(str.isprintable, form.get("note", "")))
        try:
            await run_in_threadpool(self._world.sight.acknowledge, operator.org, number, operator.name, note)
        except ProvinceError as error:
            raise Refused(503, str(error)) from None
        return RedirectResponse(f"/{view.words.language}{path_of(alert.name)}", 303)

    # ── streams ──

    def _streamed(
        self, request: Request, operator: Operator, what: Hashable, state: Callable[[], object], draw: Callable[[], Drawn]
    ) -> Response:
        """What all of an organisation see in one language is drawn for all of them; it ends when its operator is out, or may see less."""
        region = Region((operator.org, language_of(request), what), state, draw)

        async def still() -> bool:
            return self._door.who(request, seen=False)[1] == operator

        return self._streams.open(operator.name, region, still)


def _shared(view: View) -> View:
    """Whoever looks: what is drawn with it shows nothing of one operator or session."""
    return View(view.words, "")


def _untaken_first(alert: FleetAlert) -> tuple[bool, int]:
    return alert.acknowledged_ms is not None, -alert.number
