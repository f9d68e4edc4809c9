# The same as contestant.mjs for Python: numpy and faiss.
import json, sys, time

name, settings = sys.argv[1], json.loads(sys.argv[2])
rows, dimensions, k, queries, threads = (settings[key] for key in ("rows", "dimensions", "k", "queries", "threads"))
QUERIES = 256
import numpy

values = numpy.fromfile(settings["file"], dtype=numpy.float32, count=(rows + QUERIES) * dimensions)
# The rows have length 1 as they are.
matrix = values[: rows * dimensions].reshape(rows, dimensions)
all_queries = values[rows * dimensions :].reshape(QUERIES, dimensions)

started = time.perf_counter()
if name == "numpy scores":
    def search(query):
        query @ matrix.T
        return None
elif name == "numpy":
    def search(query):
        scores = query @ matrix.T
        if k >= rows:
            return numpy.argsort(-scores, axis=1)
        found = numpy.argpartition(-scores, k, axis=1)[:, :k]
        order = numpy.argsort(-numpy.take_along_axis(scores, found, axis=1), axis=1)
        return numpy.take_along_axis(found, order, axis=1)
elif name == "faiss":
    import faiss
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(dimensions)
    index.add(matrix)
    def search(query):
        return index.search(query, k)[1]

print(json.dumps({"ready": True, "buildMs": (time.perf_counter() - started) * 1000}), flush=True)
asked = 0
def next_queries():
    global asked
    first = asked % (QUERIES // queries) * queries
    asked += 1
    return all_queries[first : first + queries]

for line in sys.stdin:
    if line.startswith("found"):
        asked = 0
        found = [search(next_queries()) for _ in range(int(line[6:]) // queries)]
        print(json.dumps([] if found[0] is None else numpy.concatenate(found).tolist()), flush=True)
        continue
    count = int(line)
    cpu = time.process_time()
    started = time.perf_counter()
    for _ in range(count):
        search(next_queries())
    wall = (time.perf_counter() - started) * 1000 / count
    print(json.dumps({"wallMs": wall, "cpuMs": (time.process_time() - cpu) * 1000 / count}), flush=True)
