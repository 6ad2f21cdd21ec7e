/** What was asked of a file; null where there is none (any more), as when it was rotated or removed meanwhile. Other failures stay failures. */
export async function ifThere<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
