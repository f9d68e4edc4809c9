/**
 * A sum in double precision that carries along what rounding took away (Neumaier, "Rundungsfehleranalyse einiger Verfahren
 * zur Summation endlicher Summen", 1974): far more precise than anything under test, and written in another way.
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
    // With an infinity in the sum, what was lost is NaN; the sum itself is what IEEE arithmetic gives.
    return Number.isFinite(this.#lost) ? this.#sum + this.#lost : this.#sum;
  }
}
