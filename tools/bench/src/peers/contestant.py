# The same as contestant.mjs for Python: numpy and faiss.
import json, os, sys, time

name, path = sys.argv[1:3]
rows, dimensions, k, threads = map(int, sys.argv[3:7])
import numpy

values = numpy.fromfile(path, dtype=numpy.float32, count=(rows + 1) * dimensions)
matrix = values[: rows * dimensions].reshape(rows, dimensions)
query = values[rows * dimensions :]

if name == "numpy scores":
    matrix = matrix.copy()
    def search():
        matrix @ query
        return []
elif name == "numpy":
    matrix = matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)
    unit = query / numpy.linalg.norm(query)
    def search():
        scores = matrix @ unit
        found = numpy.argpartition(-scores, k)[:k] if k < rows else numpy.arange(rows)
        return found[numpy.argsort(-scores[found])]
elif name == "faiss":
    import faiss
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(dimensions)
    matrix = matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)
    index.add(numpy.ascontiguousarray(matrix))
    unit = (query / numpy.linalg.norm(query)).reshape(1, -1)
    def search():
        return index.search(unit, k)[1][0]

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    if line.strip() == "rows":
        print(json.dumps([int(row) for row in search()]), flush=True)
        continue
    count = int(line)
    started = time.perf_counter()
    for _ in range(count):
        search()
    print((time.perf_counter() - started) * 1000 / count, flush=True)
