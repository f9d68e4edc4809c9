#pragma once

namespace gearshift {

class ThreadPool;

/**
 * The one pool of the process, shared by every JavaScript thread that loaded the addon. The first holder makes it; when
 * the last one lets go its threads are joined, because Node may unload the addon right after.
 *
 * @return null when there is no memory for it
 */
ThreadPool* acquire_process_pool() noexcept;
void release_process_pool() noexcept;

}  // namespace gearshift
