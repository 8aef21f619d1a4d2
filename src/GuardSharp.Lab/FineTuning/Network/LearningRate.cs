namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>The learning rate of each step.</summary>
internal static class LearningRate
{
    /// <summary>The rate of a step.</summary>
    /// <param name="config">Highest rate, warm-up, schedule.</param>
    /// <param name="step">The step, from 0.</param>
    /// <param name="steps">Steps of the run.</param>
    /// <returns>Linear from rate / warmUpSteps up to the rate; then the rate, or half a cosine down to floor * rate, which the last step comes next to.</returns>
    public static double At(SftOptimiser config, long step, int steps)
    {
        if (step < config.WarmUpSteps)
        {
            return config.LearningRate * (step + 1) / config.WarmUpSteps;
        }

        if (config.Schedule == RateSchedule.Constant)
        {
            return config.LearningRate;
        }

        var share = Math.Min(1, (double)(step - config.WarmUpSteps) / Math.Max(1, steps - config.WarmUpSteps));
        return config.LearningRate * (config.Floor + ((1 - config.Floor) * 0.5 * (1 + Math.Cos(Math.PI * share))));
    }
}
