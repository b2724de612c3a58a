/** Getters compute when they are read: `JSON` reads all, and a report is JSON by contract. */
export function plainOf<T>(report: T): T {
  return JSON.parse(JSON.stringify(report)) as T; // the same, by that contract
}
