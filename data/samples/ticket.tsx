import { useState, type ReactNode } from "react";

/** What a ticket shows. */
export interface TicketProps {
  title: string;
  children?: ReactNode;
}

const COLOURS = ["amber", "teal"] as const;

/** Pick a colour by the title's length. */
export const colourOf = (title: string): string => {
  return COLOURS[title.length % COLOURS.length];
};

export function Ticket({ title, children }: TicketProps) {
  const [torn, setTorn] = useState(false);
  return (
    <section className={colourOf(title)}>
      <h2>{title}</h2>
      {torn ? <s>{children}</s> : children}
      <button onClick={() => setTorn(true)}>Tear it off</button>
    </section>
  );
}

// The ticket of last resort.
export default class Voucher {
  constructor(private readonly worth: number) {}

  render() {
    return <Ticket title={`worth ${this.worth}`} />;
  }
}
