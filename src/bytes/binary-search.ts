/**
 * The index of the first of `length` ordered items for which `isReached` is true; `length` where it is true for none.
 * It is false for every item before that one and true for every item from there on.
 */
export function firstIndex(length: number, isReached: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isReached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
