/** The peak as a function of the batch, typeset. */
import type { EstimateReport } from "plimsoll";
import { formatBytes } from "plimsoll/present";
import { LookedAt } from "./looked-at.js";

type Piece = EstimateReport["formula"]["pieces"][number];

function Sum({ fixedBytes, perBatchBytes }: Piece) {
  return (
    <mrow>
      <mtext>{formatBytes(fixedBytes)}</mtext>
      {perBatchBytes !== 0 && (
        <>
          <mo>+</mo>
          <mi>B</mi>
          <mo>×</mo>
          <mtext>{formatBytes(perBatchBytes)}</mtext>
        </>
      )}
    </mrow>
  );
}

function range({ from, to }: Piece): string {
  if (to === null) return `B ≥ ${from}`;
  return from === to ? `B = ${from}` : `${from} ≤ B ≤ ${to}`;
}

export function Formula() {
  return <LookedAt name="explained" view={({ report }) => <Pieces formula={report.formula} />} />;
}

function Pieces({ formula }: { readonly formula: EstimateReport["formula"] }) {
  return (
    <>
      <p>Allocated bytes at the peak, for a batch of B:</p>
      <math display="block" aria-label={formula.text}>
        <mrow>
          <mi>peak</mi>
          <mo>(</mo>
          <mi>B</mi>
          <mo>)</mo>
          <mo>=</mo>
          <mo stretchy={true}>{"{"}</mo>
          <mtable>
            {formula.pieces.map((piece) => (
              <mtr key={piece.from}>
                <mtd>
                  <Sum {...piece} />
                </mtd>
                <mtd>
                  <mtext>{range(piece)}</mtext>
                </mtd>
              </mtr>
            ))}
          </mtable>
        </mrow>
      </math>
      <p>{formula.bound}</p>
    </>
  );
}
