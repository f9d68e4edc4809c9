#pragma once

#include <cstddef>
#include <cstdint>

#include "core/query.h"
#include "dispatch/kernel_table.h"

namespace gearshift::binding {

/**
 * Queries that go over the rows together: a block of rows is read from memory once and used for all of them. 32 queries of
 * 768 dimensions fit into a second-level cache besides the block.
 */
constexpr size_t kQueryGroup = 32;

}  // namespace gearshift::binding
