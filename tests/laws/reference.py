"""What a graph means, in forty lines: one item after the other, no scheduler, nothing imported from skorche."""

from collections import Counter
from itertools import batched
