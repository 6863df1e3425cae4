// Waits until what was done has been drawn and nothing moves any more, however slow the machine is.
export const settle = async (page) => {
  await page.waitForTimeout(250);
  await page.evaluate(async () => {
    const places = () => JSON.stringify(Object.values(state.viewers).filter(Boolean).map(({ canvas, nv }) => [canvas.getBoundingClientRect(), nv.screenSlices.map((slice) => slice.leftTopWidthHeight)]));
    for (let before = null; before !== places(); ) {
      before = places();
      for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    }
  });
};
