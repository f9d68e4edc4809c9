#include "binding/scan_arguments.h"

#include "core/row_mask.h"
#include "kit/status.h"

namespace gearshift::binding {

namespace {

void use_handle(Call& call, int64_t handle, ScanArguments& read) noexcept {
  read.operand = call.state().handles().find(handle);
  if (read.operand == nullptr || read.operand->matrix == nullptr || !read.operand->is_ready()) {
    call.fail(ErrorType::range, "source: the handle names no matrix that is ready");
    return;
  }
  read.scan.matrix = read.operand->matrix->view();
}

void use_values(Call& call, const ArrayView<float>& values, size_t dimensions, ScanArguments& read) noexcept {
  if (call.failed()) return;
  if (dimensions == 0) {
    call.fail(ErrorType::range, "dimensions: expected at least 1");
    return;
  }
  read.scan.matrix = view_of(values.data, values.length / dimensions, dimensions);
}

void use_query(Call& call, const ArrayView<float>& query, ScanArguments& read) noexcept {
  if (call.failed()) return;
  read.query = query;
  const size_t dimensions = read.scan.matrix.dimensions;
  read.query_count = query.length == dimensions ? 1 : query.length / dimensions;
  // The caller checked that there is a query: if there is none now, its memory went away since.
  if (read.query_count == 0) read.status = kit::kInputGone;
}

}  // namespace

ScanArguments read_scan(Call& call) noexcept {
  ScanArguments read;
  read.context = read_context(call, kContextArgument);
  read.scan = {read.context.kernels, read.context.scans, read.context.metric, {}};
  if (call.is_number(kSourceArgument)) use_handle(call, call.integer(kSourceArgument), read);
  else use_values(call, call.floats(kSourceArgument), call.count(kDimensionsArgument), read);
  use_query(call, call.floats(kQueryArgument), read);
  return read;
}

ScanArguments read_block_scan(Call& call, size_t query_argument, size_t values_argument) noexcept {
  ScanArguments read;
  read.context = read_block_context(call);
  if (call.failed()) return read;
  read.scan = {read.context.kernels, read.context.scans, read.context.metric, {}};
  const size_t handle = call.count_scalar(kHandleScalar);
  if (handle != 0) use_handle(call, static_cast<int64_t>(handle), read);
  else use_values(call, call.floats(values_argument), call.count_scalar(kDimensionsScalar), read);
  use_query(call, call.floats(query_argument), read);
  return read;
}

MaskArgument read_mask(Call& call, size_t index, size_t rows) noexcept {
  MaskArgument read;
  if (!call.has(index) || call.is_undefined(index)) return read;
  read.words = call.uints(index);
  if (!call.failed() && read.words.length < mask_words(rows)) read.status = kit::kInputGone;
  return read;
}

}  // namespace gearshift::binding
