/** The manifest of lavapipe, Mesa's driver in software, which most Linux distributions install beside the drivers of GPUs. */
const HIDDEN = '*lvp*';
const VARIABLE = 'VK_LOADER_DRIVERS_DISABLE';
/** With one of these a user has chosen drivers. */
const CHOICES = [VARIABLE, 'VK_LOADER_DRIVERS_SELECT', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];

/**
 * Whether to look for GPUs without drivers in software. Dawn prints a warning for each that lacks what it needs, such as older versions of
 * lavapipe, also when there is a GPU beside it.
 */
export function hidesSoftwareDrivers(allowSoftwareDriver: boolean): boolean {
  return (
    process.platform === 'linux' && !allowSoftwareDriver && CHOICES.every((name) => process.env[name] === undefined)
  );
}

/**
 * Looks for GPUs while the Vulkan loader (1.3.234 or later) leaves out drivers in software.
 *
 * @param look starts Dawn, which has read the environment of the process by the time that it returns a promise
 */
export function withoutSoftwareDrivers<T>(look: () => Promise<T>): Promise<T> {
  process.env[VARIABLE] = HIDDEN;
  try {
    return look();
  } finally {
    Reflect.deleteProperty(process.env, VARIABLE);
  }
}
