#include "binding/scan_arguments.h"

#include "binding/status.h"

namespace gearshift::binding {

ScanArguments read_scan(Call& call) noexcept {
  ScanArguments read;
  read.context = read_context(call, kContextArgument);
  read.scan = {read.context.kernels, read.context.scans, read.context.metric, {}};

  if (call.is_number(kSourceArgument)) {
    read.operand = call.state().handles().find(call.integer(kSourceArgument));
    if (read.operand == nullptr || read.operand->matrix == nullptr || !read.operand->is_ready()) {
      call.fail("source: the handle names no matrix that is ready");
      return read;
    }
    read.scan.matrix = read.operand->matrix->view();
  } else {
    const ArrayView<float> values = call.floats(kSourceArgument);
    const size_t dimensions = call.count(kDimensionsArgument);
    if (call.failed()) return read;
    if (dimensions == 0) {
      call.fail("dimensions: expected at least 1");
      return read;
    }
    read.scan.matrix = {values.data, dimensions, values.length / dimensions, dimensions, nullptr};
  }

  read.query = call.floats(kQueryArgument);
  const size_t dimensions = read.scan.matrix.dimensions;
  read.query_count = read.query.length / dimensions;
  // The caller checked that there is a query: if there is none now, its memory went away since.
  if (read.query_count == 0) read.status = kInputGone;
  return read;
}

}  // namespace gearshift::binding
