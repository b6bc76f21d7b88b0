"""The product catalog, and the tables that its items refer to."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.conditions import quoted
from cw_pipeline.connectwise.records import Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOG = "/procurement/catalog"


class Catalog(Endpoints):
    """Catalog items, and the tables that they refer to."""

    def catalog_items(self, *, search: str | None = None) -> Iterator[models.CatalogItem]:
        """The products, inactive ones included; with `search`, those with it in identifier or description."""
        if not search:
            yield from self._catalog_items(None)
            return
        value = quoted(search)
        # Not in one condition: some sites answer a compound one with an empty list although there are matches.
        conditions = [f"identifier contains {value}", f"description contains {value}"] if value else [None]
        seen: set[int] = set()
        for item in chain.from_iterable(map(self._catalog_items, conditions)):
            text = f"{item.identifier}\n{item.description}"
            if item.id not in seen and search.casefold() in text.casefold():
                seen.add(item.id)
                yield item

    def catalog_item(self, item_id: int) -> models.CatalogItem:
        """The product with this id.

        Raises:
            NotFound: There is no such product.
        """
        return self._one(f"{CATALOG}/{item_id}", models.CatalogItem)

    def catalog_item_by_identifier(self, identifier: str) -> models.CatalogItem | None:
        """The product with this identifier, whatever the case, preferably the same; None if there is none."""
        value = quoted(identifier)
        items = self._catalog_items(f"identifier = {value}" if value else None)
        matches = [item for item in items if item.identifier.casefold() == identifier.casefold()]
        return min(matches, key=lambda item: item.identifier != identifier, default=None)

    def catalog_count(self) -> int:
        """How many products the API member sees; proves the right to read them."""
        return self._count(CATALOG)

    def product_types(self) -> Iterator[models.Choice]:
        """The product types."""
        return self._all("/procurement/types", models.Choice)

    def subcategories(self) -> Iterator[models.Choice]:
        """The product subcategories."""
        # with a closing slash, unlike most lists
        return self._all("/procurement/subcategories/", models.Choice)

    def units_of_measure(self) -> Iterator[models.Choice]:
        """The units of measure."""
        return self._all("/procurement/unitOfMeasures", models.Choice)

    def _catalog_items(self, condition: str | None) -> Iterator[models.CatalogItem]:
        """The matching products, or all of them if the condition is None or too long."""
        if condition is None or not self._can_be_asked(CATALOG, condition):
            return self._all(CATALOG, models.CatalogItem)
        return self._all(CATALOG, models.CatalogItem, {"conditions": condition})
