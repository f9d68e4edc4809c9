#pragma once

#include <memory>

#include "binding/call.h"
#include "binding/job.h"

namespace gearshift::binding {

/**
 * Hands a job to the pool and gives its number to the caller, or gives `status` when the job could not be completed.
 *
 * @param callback_argument index of the function that is called when the job has ended
 */
napi_value start_job(Call& call, std::unique_ptr<Job> job, int status, size_t callback_argument) noexcept;

}  // namespace gearshift::binding
