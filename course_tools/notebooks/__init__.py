"""A source becomes two notebooks, pages and the site's model: tools of authors."""
