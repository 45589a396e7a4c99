"""The local report: alerts as one HTML page that needs nothing else.

records   alert documents → what the page shows of them, each rule once
guide     a rule's Markdown → HTML in which no markup of others can live
page      the pieces in `page/` and the records → one file
source    alert documents from NDJSON
"""
