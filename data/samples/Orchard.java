package org.example.orchard;

import java.util.ArrayList;
import java.util.List;

/** Trees in rows, and what they bear. */
public class Orchard {
    private static final int MOST = 400;

    private final List<Tree> trees = new ArrayList<>();

    /** Make an orchard of one row. */
    public Orchard(int count) {
        for (int i = 0; i < Math.min(count, MOST); i++) {
            trees.add(new Tree("tree-" + i, 0));
        }
    }

    /**
     * Return the harvest in kilograms.
     *
     * @return the sum over all trees
     */
    @Deprecated
    public double harvest() {
        double sum = 0;
        for (Tree tree : trees) {
            sum += tree.kilograms();
        }
        return sum;
    }

    // Only whole trees are counted.
    int count() {
        return trees.size();
    }

    /** One tree. */
    record Tree(String name, double kilograms) {
        boolean bears() {
            return kilograms > 0;
        }
    }

    enum Season {
        SPRING,
        SUMMER,
        AUTUMN,
        WINTER;

        boolean isHarvest() {
            return this == AUTUMN;
        }
    }
}

/** Whoever picks. */
interface Picker {
    void pick(Orchard orchard);

    default String greeting() {
        return "good morning";
    }
}

@interface Ripe {
    int week() default 36;
}
