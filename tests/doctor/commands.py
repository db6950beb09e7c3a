"""What commands of the system print, as they do on machines of other people."""

from __future__ import annotations

from pathlib import Path

CSV = "NVIDIA A100-SXM4-80GB, 81920, {driver}, 8.0\n"
BANNER = """\
Sat Nov 28 16:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI {driver}              {title} Version: {driver}     CUDA {umd}Version: {cuda}     |
|-----------------------------------------+------------------------+----------------------+
"""


def nvidia_smi(folder: Path, *, gpus: int, cuda: str, driver: str = "550.54.15") -> None:
    """Write an ``nvidia-smi`` that answers the query, and shows its banner without one."""
    new = int(driver.partition(".")[0]) >= 600
    banner = BANNER.format(
        driver=driver, cuda=cuda, title="KMD" if new else "Driver", umd="UMD " if new else ""
    )
    (folder / "rows").write_text(CSV.format(driver=driver) * gpus)
    (folder / "banner").write_text(banner)
    script = folder / "nvidia-smi"
    script.write_text(
        "#!/bin/bash\n"
        f'[[ $1 == --query-gpu=* ]] && exec cat "{folder}/rows"\n'
        f'exec cat "{folder}/banner"\n'
    )
    script.chmod(0o755)


NO_DRIVER = """\
NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.

"""  # noqa: E501

QUOTA = """\
Disk quotas for user alice (uid 1004): 
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
/dev/sdb1 41943040  52428800 62914560       0    4000  100000  120000       0
server:/export/home 1024  2048 4096       0      10       0       0       0
Disk quotas for group lab (gid 2000): 
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
/dev/sdb1 900000000  0 1000000000       0    70000  0  0       0
"""  # noqa: W291

WRAPPED = """\
Disk quotas for user alice (uid 1004): 
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
/dev/mapper/system-a_long_name
                 207092* 200000  250000   6days   14269       0       0        
"""  # noqa: W291

LUSTRE = """\
Disk quotas for usr alice (uid 1004):
     Filesystem  kbytes   quota   limit   grace   files   quota   limit   grace
    /mnt/lustre  112128* 100000 1200000 6d23h59m     786       0       0       -
uid 1004 is using default file quota setting
"""

LUSTRE_LONG = """\
Disk quotas for grp lab (gid 2000):
     Filesystem  kbytes   quota   limit   grace   files   quota   limit   grace
/mnt/lustre/with/a/long/name
                [112128] 2000000000 2100000000   -     786  1000000 1100000       -
Some errors happened when getting quota info. Some devices may be not working or deactivated. The data in "[]" is inaccurate.
"""  # noqa: E501

XFS = "/dev/sdb1            15360      10240      15360   00  [6 days]          3          0          0   00 [--------] /data\n"  # noqa: E501

XFS_LONG = """\
/dev/mapper/volume-with-a-long-name
                         15360      10240      20480   00 [--------]          3          0          9   00 [--------] /data
"""  # noqa: E501
