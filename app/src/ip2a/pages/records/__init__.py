"""Pages of plain records: a typed description of a kind of record becomes its list, its page and its forms."""
