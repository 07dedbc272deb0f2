namespace DiffeoNN.Onnx.Answers;

/// <summary>How well boxes agree with true ones. Where both of a pair have a class, only equal classes match.</summary>
internal static class BoxScore
{
    private const double Match = 0.5;

    /// <summary>The mean over the true boxes of the best IoU with an answered one; without true boxes 1 where nothing is answered,
    /// else 0.</summary>
    public static double Iou(IReadOnlyList<AnswerBox> found, IReadOnlyList<AnswerBox> truth) => truth.Count == 0
        ? found.Count == 0 ? 1 : 0
        : truth.Average(box => found.Where(one => SameClass(one, box)).Select(one => one.Iou(box)).DefaultIfEmpty(0).Max());

    /// <summary>The area below precision over recall, with precision made falling, as answers of falling score are taken in; an answer is
    /// right if its IoU with a true box that none before it took is at least 0.5.</summary>
    /// <param name="found">Of equal scores, or without, the first counts as surer.</param>
    /// <param name="truth">True boxes; without any, 1 where nothing is answered, else 0.</param>
    public static double AveragePrecision(IReadOnlyList<AnswerBox> found, IReadOnlyList<AnswerBox> truth)
    {
        if (truth.Count == 0) return found.Count == 0 ? 1 : 0;
        var free = truth.ToList();
        var precisions = new List<double>();
        var taken = 0;
        foreach (var box in found.OrderByDescending(box => box.Score ?? 0))
        {
            taken++;
            var best = free.Where(one => SameClass(box, one)).MaxBy(one => one.Iou(box));
            if (best is null || best.Iou(box) < Match) continue;
            free.RemoveAt(free.FindIndex(one => ReferenceEquals(one, best)));
            precisions.Add((precisions.Count + 1.0) / taken);
        }

        for (var i = precisions.Count - 2; i >= 0; i--) precisions[i] = Math.Max(precisions[i], precisions[i + 1]);
        return precisions.Sum() / truth.Count;
    }

    private static bool SameClass(AnswerBox a, AnswerBox b) => a.Class is null || b.Class is null || a.Class == b.Class;
}
