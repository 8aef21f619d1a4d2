namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>A model's labels held against labels that were there before: a table of two by two, and what it says.</summary>
internal sealed class LabelAgreement
{
    /// <summary>Both say unsafe.</summary>
    public long BothUnsafe { get; private set; }

    /// <summary>Both say safe.</summary>
    public long BothSafe { get; private set; }

    /// <summary>Labelled unsafe, the model says safe.</summary>
    public long ModelSafeOnly { get; private set; }

    /// <summary>Labelled safe, the model says unsafe.</summary>
    public long ModelUnsafeOnly { get; private set; }

    /// <summary>Labelled rows about which the model came to no verdict; in no other number.</summary>
    public long NoVerdict { get; private set; }

    /// <summary>Rows that both call unsafe and give categories for.</summary>
    public long WithCategories { get; private set; }

    /// <summary>Those of them that share a category.</summary>
    public long SharedCategory { get; private set; }

    /// <summary>Rows with both verdicts.</summary>
    public long Rows => BothUnsafe + BothSafe + ModelSafeOnly + ModelUnsafeOnly;

    /// <summary>Share of rows on which both say the same; null without rows.</summary>
    public double? Accuracy => Rows == 0 ? null : (BothUnsafe + BothSafe) / (double)Rows;

    /// <summary>Cohen's kappa: agreement beyond what chance gives, 1 at best; null without rows, and where both know one verdict only.</summary>
    public double? Kappa
    {
        get
        {
            if (Rows == 0)
            {
                return null;
            }

            double labelledUnsafe = BothUnsafe + ModelSafeOnly, modelUnsafe = BothUnsafe + ModelUnsafeOnly;
            var chance = ((labelledUnsafe * modelUnsafe) + ((Rows - labelledUnsafe) * (Rows - modelUnsafe))) / ((double)Rows * Rows);
            return chance == 1 ? null : (Accuracy - chance) / (1 - chance);
        }
    }

    /// <summary>Counts a row.</summary>
    /// <param name="labelled">The label that was there.</param>
    /// <param name="categories">Its categories.</param>
    /// <param name="model">The model's verdict.</param>
    /// <param name="modelCategories">Its categories.</param>
    public void Add(bool labelled, IReadOnlyList<string> categories, bool? model, IReadOnlyList<string> modelCategories)
    {
        switch (labelled, model)
        {
            case (_, null):
                NoVerdict++;
                break;
            case (true, true):
                BothUnsafe++;
                WithCategories += categories.Count > 0 && modelCategories.Count > 0 ? 1 : 0;
                SharedCategory += categories.Intersect(modelCategories).Any() ? 1 : 0;
                break;
            case (true, false):
                ModelSafeOnly++;
                break;
            case (false, true):
                ModelUnsafeOnly++;
                break;
            case (false, false):
                BothSafe++;
                break;
        }
    }
}
