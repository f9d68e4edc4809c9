#pragma once

namespace gearshift::kit {

/** Why an entry did not do its work. The same numbers as ADDON_STATUS in src/addon-entries.ts. */
enum Status : int {
  kDone = 0,
  /** Of the device; of the CPU it is the host's. */
  kOutOfMemory = -1,
  kCancelled = -2,
  kFault = -3,
  kTimeout = -4,
  kDeviceLost = -5,
  /** The arrays of the caller lost their memory or shrank. */
  kInputGone = -6,
  kOutputGone = -7,
  /** The id and version belong to an operand of another shape or of other elements. */
  kShapeConflict = -8,
  /** The arrays of a graph changed since they were checked. */
  kInvalidGraph = -9,
  /** Of the host, while a device has its own. */
  kNoHostMemory = -10,
  /** The device returned an impossible result. */
  kInvalidResult = -11,
  /** The system gave no thread to run on. */
  kNoThread = -12,
};

}  // namespace gearshift::kit
