"""What pages need of libraries whose parts import one another, loaded by whichever thread comes first.

Two threads that enter such a ring at different places find modules half loaded, or wait for one another, and fail.
Every page, and the thread that warms imports, therefore comes here first: all others wait until the first has loaded
it all.
"""

import pandas.io.formats.style  # noqa: F401
import scipy.cluster.vq
import scipy.ndimage
import scipy.signal
import scipy.special  # noqa: F401
