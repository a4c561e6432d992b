"""The site, and the ground that all apps stand on."""

import zoneinfo

# Zones come from the pinned tzdata package alone. Python would prefer the system's copy, and one older than 2026 is an
# hour wrong for British Columbia, Alberta and Manitoba: people there would be texted at night.
zoneinfo.reset_tzpath(())
