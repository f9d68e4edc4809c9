#include "binding/scan_arguments.h"

#include "binding/element_arguments.h"
#include "core/row_mask.h"
#include "kit/status.h"

namespace gearshift::binding {

namespace {

void use_handle(Call& call, int64_t handle, ScanArguments& read) noexcept {
  read.handle = call.state().handles().find(handle);
  if (read.handle == nullptr || read.handle->operand().matrix == nullptr || !read.handle->operand().is_ready()) {
    call.fail(ErrorType::range, "source: the handle names no matrix that is ready");
    return;
  }
  read.scan.matrix = read.handle->view();
}

void use_values(Call& call, size_t values_argument, ElementFormat format, size_t dimensions, ScanArguments& read) noexcept {
  const ArrayView<const void> values = read_elements(call, values_argument, format.type);
  if (call.failed()) return;
  if (dimensions == 0) {
    call.fail(ErrorType::range, "dimensions: expected at least 1");
    return;
  }
  read.scan.matrix = view_of(values.data, format, values.length / dimensions, dimensions);
}

/** The caller's own rows are those of a stored matrix: they may change during the scan. */
void use_stored_version(Call& call, const PlaceArguments& arguments, int32_t sequence, ScanArguments& read) noexcept {
  if (call.failed()) return;
  MatrixView& matrix = read.scan.matrix;
  read_stored_version(call, arguments, matrix.format, matrix.row_count, matrix.dimensions, sequence, read.place, &read.status);
  matrix.version = read.place.stored_version();
}

void use_query(Call& call, const ArrayView<float>& query, ScanArguments& read) noexcept {
  if (call.failed()) return;
  read.query = query;
  read.scan.throughput = read.context.scans_of(read.scan.matrix.format.type);
  const size_t dimensions = read.scan.matrix.dimensions;
  read.query_count = query.length == dimensions ? 1 : query.length / dimensions;
  // The caller checked that there is a query: if there is none now, its memory went away since.
  if (read.query_count == 0) read.status = kit::kInputGone;
}

}  // namespace

void read_scan(Call& call, size_t stored_argument, ScanArguments& read) noexcept {
  read.context = read_context(call, kContextArgument);
  read.scan = {read.context.kernels, nullptr, read.context.metric, {}};
  if (call.is_number(kSourceArgument)) {
    use_handle(call, call.integer(kSourceArgument), read);
  } else {
    const ElementFormat format = read_format(call, kDtypeArgument, kScaleArgument);
    use_values(call, kSourceArgument, format, call.count(kDimensionsArgument), read);
    const PlaceArguments stored = place_arguments(kSourceArgument, stored_argument);
    if (is_given(call, stored.control)) {
      use_stored_version(call, stored, static_cast<int32_t>(call.integer(stored.sequence)), read);
    }
  }
  use_query(call, call.floats(kQueryArgument), read);
}

void read_block_scan(Call& call, size_t query_argument, size_t values_argument, size_t stored_argument,
                     ScanArguments& read) noexcept {
  read.context = read_block_context(call);
  if (call.failed()) return;
  read.scan = {read.context.kernels, nullptr, read.context.metric, {}};
  const size_t handle = call.count_scalar(kHandleScalar);
  if (handle != 0) {
    use_handle(call, static_cast<int64_t>(handle), read);
  } else {
    use_values(call, values_argument, read_block_format(call), call.count_scalar(kDimensionsScalar), read);
    const PlaceArguments stored{values_argument, 0, stored_argument, stored_argument + 1, stored_argument + 2};
    if (is_given(call, stored.control)) use_stored_version(call, stored, call.sequence_scalar(), read);
  }
  use_query(call, call.floats(query_argument), read);
}

MaskArgument read_mask(Call& call, size_t index, size_t rows) noexcept {
  MaskArgument read;
  if (!call.has(index) || call.is_undefined(index)) return read;
  read.words = call.uints(index);
  if (!call.failed() && read.words.length < mask_words(rows)) read.status = kit::kInputGone;
  return read;
}

}  // namespace gearshift::binding
