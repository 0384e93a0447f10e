"""What the Python layer adds to locating a 1024² image: python benches/python.py [ROUNDS]

The time of the call, less that of the stages inside, which the result tells; with the checks of the image, the copy
into the native part, the table and the maps.
"""

import statistics
import sys
import time

import adatom

LIMIT_MS = 5.0


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    image = adatom.simulate("SrTiO3", pixel_size=0.18, shape=(1024, 1024)).image
    adatom.locate(image)
    added, whole = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        result = adatom.locate(image)
        whole.append(time.perf_counter() - start)
        added.append(1e3 * (whole[-1] - sum(result.seconds.values())))
    median = statistics.median(added)
    print(f"{len(result)} columns in {statistics.median(whole):.2f} s, of which Python {median:.2f} ms ({min(added):.2f} to {max(added):.2f})")
    sys.exit(0 if median < LIMIT_MS else f"more than {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
