# python3 spreading-peer.py FOLDER NODES: the product of the sparse matrix in the folder and a vector, in scipy. Prints {"ready"}, then answers each
# line on standard input: "sum" the sum of the result, "COUNT" the nanoseconds of one product, over so many.
import json, sys, time
import numpy, scipy
from scipy.sparse import csr_matrix

folder, nodes = sys.argv[1], int(sys.argv[2])
read = lambda name, dtype: numpy.fromfile(f"{folder}/{name}", dtype=dtype)
parts = (read("weights", numpy.float32), read("columns", numpy.int32), read("rowPointers", numpy.int32))
matrix = csr_matrix(parts, shape=(nodes, nodes))
activations = read("activations", numpy.float32)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    if line.strip() == "sum":
        total = float(numpy.sum(matrix @ activations, dtype=numpy.float64))
        print(json.dumps({"sum": total, "version": scipy.__version__}), flush=True)
        continue
    count = int(line)
    started = time.perf_counter_ns()
    for _ in range(count):
        matrix @ activations
    print(json.dumps({"ns": (time.perf_counter_ns() - started) / count}), flush=True)
