"""Who lives in a neighbourhood: people and firms, each drawn from a seed and a place in the row, none from the one before.

So the fifty-thousandth is as cheap as the first, and the same seed always gives the same person.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_GIVEN = (
    "Aaron Abigail Adam Alice Amanda Amy Andrea Andrew Angela Anna Anthony Ashley Barbara Benjamin Betty Brandon Brenda "
    "Brian Carlos Carmen Carol Catherine Charles Cheryl Christine Cynthia Daniel David Deborah Dennis Diana Donald Donna "
    "Dorothy Douglas Edward Eleanor Elizabeth Emily Eric Esther Frances Frank Gary George Gloria Grace Gregory Hannah "
    "Harold Heather Helen Henry Ingrid Isaac Jacob James Janet Jason Jean Jennifer Jeremy Jerry Jessica Joan Joel John "
    "Jonathan Jose Joseph Joyce Juan Judith Julia Karen Keith Kelly Kenneth Kevin Kimberly Larry Laura Linda Lisa Louis "
    "Margaret Maria Mark Martha Mary Matthew Megan Michael Michelle Nancy Nathan Nicole Olivia Pamela Patricia Paul Peter "
    "Rachel Ralph Raymond Rebecca Richard Robert Roger Ronald Rose Russell Ruth Samuel Sandra Sara Scott Sharon Sofia "
    "Stephen Susan Teresa Thomas Timothy Tyler Victor Vincent Virginia Walter Wanda Wayne William Zoe"
).split()
_SURNAMES = (
    "Abbott Acosta Adkins Aguilar Alvarado Anders Archuleta Atkins Baca Bailey Barnes Barrett Becker Benitez Bergman "
    "Bishop Blair Bowman Bradley Brennan Briggs Bryant Burke Bush Byrne Caldwell Cannon Cardenas Carlson Castillo Chan "
    "Chavez Cohen Collier Conrad Cooper Cortez Crawford Curtis Dalton Daniels Dawson Delgado Dixon Dominguez Doyle Duran "
    "Eaton Ellis Erickson Espinoza Estrada Farrell Figueroa Fischer Fleming Foley Foster Franco Friedman Gallegos Garner "
    "Gibson Goldberg Goodwin Gordon Graham Griego Griffin Gutierrez Haas Hansen Harmon Hendricks Herrera Higgins Hoang "
    "Hoffman Holt Horvath Huang Hughes Ingram Iverson Jaramillo Jensen Joshi Juarez Kaplan Kaur Keller Kim Klein Knight "
    "Kowalski Kramer Larsen Lassiter Lindgren Logan Lowery Lucero Lyons Madrid Maestas Malone Marquez Mathis McBride "
    "McKenna Medina Mendoza Meyer Montoya Moreno Murphy Navarro Nichols Nielsen Novak Ochoa Olson Ortega Osborne Pacheco "
    "Padilla Park Patel Pearson Petrov Pham Pierce Quintana Ramsey Rasmussen Reyes Rhodes Romero Rossi Rowe Salazar "
    "Sandoval Schmidt Schultz Serrano Shaw Silva Singh Sloan Sorensen Stein Stokes Sullivan Tafoya Thornton Trujillo "
    "Underwood Valdez Vargas Vasquez Vigil Wagner Walsh Weaver Webb Whitaker Winters Wolfe Yang Yates Zamora Zimmerman"
).split()
_ACCENTED = (
    ("Peña", "Pena"),
    ("Núñez", "Nunez"),
    ("Müller", "Mueller"),
    ("Żółtowski", "Zoltowski"),
    ("François", "Francois"),
    ("Åkesson", "Akesson"),
    ("Gómez-Ibáñez", "Gomez-Ibanez"),
    ("O’Connor", "O'Connor"),
)
_BRANDS = (
    "Alpine Aspen Bighorn Bluebird Boulder Canyon Cascade Cedar Centennial Columbine Copper Crestone Eagle Elkhorn "
    "Evergreen Foothill Front Range Gateway Granite Harvest High Plains Juniper Lakeside Larkspur Lodgepole Longs Peak "
    "Mesa Mile High Mountain View Northgate Overland Pikes Pinecone Pioneer Platte Ponderosa Prairie Ptarmigan Redstone "
    "Ridgeline Rockies Saddleback Sagebrush Skyline Spruce Stonebridge Summit Sunlight Timberline Union Vista Westfield"
).split()
_TRADES = (
    "Dental Group|Brewing Company|Property Management|Veterinary Clinic|Bakery and Cafe|Auto Body|Montessori School|"
    "Self Storage|Physical Therapy|Coffee Roasters|Law Offices|Fitness Center|Senior Living|Church|Dry Cleaning|"
    "Storage Partners|Hotel|Child Care Center|Machine Shop|Furniture Company"
).split("|")
_SUPPLIES = (
    "Supply Company|Pipe and Fitting|Electric Supply|Sheet Metal|Refrigeration|Tool Rental|Fasteners|Controls|"
    "Insulation|Building Materials|Crane Service|Water Heaters|Filters|Wire and Cable|Safety Equipment"
).split("|")
_FORMS = ("LLC", "Inc.", "Co.", "Corporation", "")
_STREETS = (
    "Acoma Arapahoe Bannock Birch Bruce Canosa Cherokee Clarkson Corona Dahlia Decatur Dexter Elati Eliot Emerson Fairfax "
    "Federal Fox Franklin Galapago Garfield Gaylord Glencoe Grape Grove Harlan Harrison Hooker Humboldt Inca Irving Ivy "
    "Jackson Jasmine Josephine Julian Kalamath Kearney Krameria Lafayette Lipan Logan Lowell Magnolia Marion Meade Monaco "
    "Navajo Newton Niagara Ogden Olive Oneida Osage Pearl Pecos Perry Poplar Quebec Quitman Race Raleigh Roslyn Sherman "
    "Stuart Tejon Tennyson Umatilla Uinta Utica Vallejo Vine Vrain Washington Williams Winona Wolff Wyandot Xavier Yates"
).split()
WAYS = (("Street", "St"), ("Avenue", "Ave"), ("Drive", "Dr"), ("Court", "Ct"), ("Boulevard", "Blvd"))
_CITIES = (
    ("Denver", "80204"), ("Denver", "80210"), ("Denver", "80219"), ("Denver", "80238"), ("Aurora", "80011"),
    ("Aurora", "80014"), ("Lakewood", "80226"), ("Arvada", "80002"), ("Westminster", "80030"), ("Thornton", "80229"),
    ("Centennial", "80112"), ("Littleton", "80120"), ("Englewood", "80110"), ("Golden", "80401"), ("Parker", "80134"),
)  # fmt: skip
_AREAS = ("303", "720", "970")
_MAILS = ("example.com", "mail.example.com", "example.net", "example.org")
_LINES = 9_999_991  # a prime: each place in the row has a line of its own


class Drawn:
    """Choices without end for one place in the row."""

    def __init__(self, *of: object) -> None:
        self._left = int.from_bytes(hashlib.blake2b("/".join(map(str, of)).encode(), digest_size=20).digest())

    def below(self, most: int) -> int:
        self._left, chosen = divmod(self._left, most)
        return chosen

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody, before either system wrote them down."""

    place: int  # in the row
    first: str  # "" of a firm
    last: str  # a firm's whole name
    street: str
    way: tuple[str, str]  # in full and short
    unit: str
    city: str
    zip: str
    phone: str  # ten digits, nobody else's
    mobile: str
    email: str
    founded: int  # days since 2024-01-01 that both systems have had them

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}" if self.first else self.last

    @property
    def is_firm(self) -> bool:
        return not self.first


def a_household(seed: int, place: int, last: str = "") -> Neighbour:
    drawn = Drawn(seed, "household", place)
    middle = f" {chr(65 + drawn.below(26))}." if drawn.below(3) else ""
    return _settled(drawn, place, drawn.one_of(_GIVEN) + middle, last or drawn.one_of(_SURNAMES))


def a_firm(seed: int, place: int) -> Neighbour:
    drawn = Drawn(seed, "firm", place)
    return _settled(drawn, place, "", _firm(drawn, _TRADES))


def a_supplier(seed: int, place: int) -> Neighbour:
    drawn = Drawn(seed, "supplier", place)
    return _settled(drawn, place, "", _firm(drawn, _SUPPLIES))


def accented(place: int) -> tuple[str, str]:
    """A surname with letters that not every keyboard has, and how someone types it who lacks them."""
    return _ACCENTED[place // 100 % len(_ACCENTED)]


def plain(text: str) -> str:
    """Letters of A to Z for letters with marks; nothing for what is no letter at all."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _firm(drawn: Drawn, trades: Sequence[str]) -> str:
    first, second = drawn.one_of(_BRANDS), drawn.one_of(_SURNAMES)
    name = f"{first} {second} {drawn.one_of(trades)}" if drawn.below(2) else f"{second} {first} {drawn.one_of(trades)}"
    form = drawn.one_of(_FORMS)
    return f"{name}, {form}" if form == "LLC" else f"{name} {form}".strip()


def _settled(drawn: Drawn, place: int, first: str, last: str) -> Neighbour:
    line = (place * 7919 + 1) % _LINES
    handle = plain((first[:1] + last.split()[0]).lower().replace("'", "").replace(",", "")) or "office"
    city, postcode = drawn.one_of(_CITIES)
    return Neighbour(
        place=place,
        first=first,
        last=last,
        street=f"{100 + drawn.below(19_000)} {drawn.one_of(('', 'N ', 'S ', 'E ', 'W '))}{drawn.one_of(_STREETS)}",
        way=drawn.one_of(WAYS),
        unit=f"Unit {1 + drawn.below(60)}" if not drawn.below(5) else "",
        city=city,
        zip=postcode,
        phone=drawn.one_of(_AREAS) + f"{line:07d}" if drawn.below(10) else "",
        mobile=f"719{line:07d}" if not drawn.below(3) else "",
        email=f"{handle}{place}@{drawn.one_of(_MAILS)}" if drawn.below(10) < 7 else "",
        founded=drawn.below(700),
    )
