using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Words;

/// <summary>Categories as distributions over S1 to S14.</summary>
internal static class CategoryTargets
{
    /// <summary>Number of categories.</summary>
    public const int Count = 14;

    /// <summary>The labelled categories of a row, each the same share.</summary>
    public static float[] Of(TrainingRow row)
    {
        var target = new float[Count];
        foreach (var code in row.Categories)
            target[int.Parse(code.AsSpan(1), null) - 1] = 1f / row.Categories.Count;
        return target;
    }
}
