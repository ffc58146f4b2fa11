"""A new site: what is asked, or three files of cfssl; the files of a site's folder; the write, all or none."""
