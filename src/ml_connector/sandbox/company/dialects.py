"""The two dialects of SBA that the sandbox speaks, in common and apart. A service map is written from this page.

Microsoft documents SBA's verbs, the list of services and the discovery page, but not one field name, filter, page
parameter, status code or error body, and the documented list has no general-ledger accounts, fiscal periods or tax
details at all: sites add services of their own. So everything below is INVENTED, plausible and different on purpose; a
connector that fits both dialects is driven by its map and not by its habits.

Common to both
  Address       http://HOST:PORT/GPService/Tenants(DefaultTenant)/Companies(COMPANY)/PATH, percent-encoded at will;
                one record is PATH(KEY), and PATH(YEAR;PERIOD) for a fiscal period.
  Sign-in       NTLM, per connection. 401 without it, 403 for a user without a role in GP or without the company.
  Text          comes back padded with spaces to the column's width, ids in upper case; comparison ignores both.
  Empty date    1900-01-01.
  Create        POST, the document in a top-level object `Payload`, always with its `Distributions` (and taxes) nested.
                A field that the resource does not have, or that cannot be written, is an error (400).
  Lists         no more than 1000 rows are ever given to one list, in the order of entry.
  Posting       the set-up of posting by origin, a row each, in dialect one alone: two has no such service.
  Missing       a record that does not exist is 404, with the dialect's error body.

                 ONE                                          TWO
  COMPANY        database name: FRMEC                         display name: Front Range Mechanical, Inc.
  PATH           Module/Resource                              Dynamics/Module[/Submodule]/Resource
  one record     {"Payload": {...}}                           {...}
  list           {"Payload": [...]}                           {"value": [...], "HasMore": bool}
  filter         $filter=Field in ('A','B') and               plain parameters, lists by semicolon:
                 Field ge 2026-03-01 (eq ne ge gt le lt in,   numbers=A;B&modifiedFrom=2026-03-01
                 joined by `and`; any field of the resource)  (see `parameters`; any other is 400)
  pages          $top (default and most 1000), $skip; no      page (from 1), pageSize (default 200, most 1000);
                 sign of more but a full page                 HasMore speaks only of the first 1000 matches: past
                                                              them it says false, and there is no further page
  amounts        JSON numbers: 108.25                         strings, five decimals: "108.25000"; sent: any
  dates          2026-03-14T00:00:00                          2026-03-14
  state          "Work" "Open" "History"                      1 Work, 2 Open, 3 History
  kind           DocumentType: "Invoice" | "Credit Memo",     Type: RMDTYPAL 1, 7 or DOCTYPE 1, 5; on create the path
                 also on create                               says it: .../Invoices or .../CreditMemos
  distributions  in one record; in a list only with           never in the document:
                 $expand=Distributions or Distributions,Taxes PATH(KEY)/Distributions and PATH(KEY)/Taxes, as lists
  created        201 {"Payload": {"DocumentNumber": "..."}}   200 and an empty body
  cards          POST at PATH makes one, PATCH at             the same, but a PATCH holds the whole card: what it
                 PATH(KEY) changes the fields it holds;       leaves out is blanked; there is no e-mail, and two
                 answered as a create is                      telephones; answered with nothing
  refused        400, or 409 for a taken number, a taken      400 {"error": {"message": "..."}} with the first reason
                 vendor document or a locked batch:           only; 200 {"Success": false, "error": {...}} where the
                 {"Status": "Error", "Errors":                first reason is the batch or the period
                 [{"Code": n, "Message": "..."}, ...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ml_connector.sandbox.company.dialect import Dialect
from ml_connector.sandbox.company.dialect_one import ONE
from ml_connector.sandbox.company.dialect_two import TWO

DIALECTS: Mapping[str, Dialect] = MappingProxyType({"one": ONE, "two": TWO})
