/**
 * A sum in double precision that compensates for rounding errors (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen", 1974): far more precise than the code under test, and independent of it.
 */
export class AccurateSum {
  #sum = 0;
  #lost = 0;

  add(term: number): void {
    const sum = this.#sum + term;
    this.#lost += Math.abs(this.#sum) >= Math.abs(term) ? this.#sum - sum + term : term - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    // With an infinity in the sum the compensation is NaN; the sum itself is the result of IEEE arithmetic.
    return Number.isFinite(this.#lost) ? this.#sum + this.#lost : this.#sum;
  }
}
